# SPDX-License-Identifier: MIT
# Computations with permutation groups, integers, polynomials over finite fields and matrices; the runner puts
# a line `rounds := N;` before this.
Reset(GlobalMersenneTwister, 1);
Reset(GlobalRandomSource, 1);
x := Indeterminate(GF(7), "x");

for round in [1 .. rounds] do
    degree := 12 + round mod 5;
    g := SymmetricGroup(degree);
    h := Group(Random(GlobalMersenneTwister, g), Random(GlobalMersenneTwister, g));
    Print(round, " order ", Size(h), "\n");
    s := SylowSubgroup(SymmetricGroup(8 + round mod 3), 2);
    Print("classes ", Length(ConjugacyClasses(s)), " centre ", Size(Centre(s)), "\n");
    n := Random(GlobalMersenneTwister, [10^14 .. 10^15]);
    Print(n, " = ", Collected(Factors(n)), "\n");
    p := x^24 + Sum([0 .. 20], i -> Random(GlobalMersenneTwister, GF(7)) * x^i);
    Print("factors ", List(Factors(p), Degree), "\n");
    m := List([1 .. 24], i -> List([1 .. 24], j -> Random(GlobalMersenneTwister, [-9 .. 9])));
    Print("determinant ", DeterminantIntMat(m), "\n");
od;
QUIT;
