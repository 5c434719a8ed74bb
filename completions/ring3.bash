# SPDX-License-Identifier: MIT
# Completion for bash: `source completions/ring3.bash`. Asks the program itself for verbs, options
# and what is up, so it never knows less than the program.

_ring3_words() { # what stands behind "ring3 VERB" in its help: options, or words in small letters
    "$1" help "$2" 2>/dev/null
}

_ring3() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local machine=() verb='' at words='' text
    COMPREPLY=()
    for ((at = 1; at < COMP_CWORD; ++at)); do
        case ${COMP_WORDS[at]} in
            -M | --machine-name) machine=(-M "${COMP_WORDS[++at]-}") ;;
            -*) ;;
            *) [[ $verb ]] || verb=${COMP_WORDS[at]} ;;
        esac
    done

    case $before in
        -M | --machine-name)
            words=$("$program" machines 2>/dev/null | awk 'NR > 1 { print $1 }')
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
            return ;;
        --machine | -f | --defconfig | --record | --replay)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return ;;
        --clock)
            words='wall virtual' ;;
    esac
    if [[ ! $verb ]]; then
        words=$("$program" help verbs 2>/dev/null)$' help --help --version --machine-name'
    elif [[ $verb == help ]]; then
        words=$("$program" help verbs 2>/dev/null)$' all'
    elif [[ ! $words ]]; then
        text=$(_ring3_words "$program" "$verb")
        if [[ $word == -* ]]; then
            words=$(grep -oE -- '(^|[ ,])--?[a-zA-Z][a-z-]*' <<<"$text" | tr -d ' ,')
        else
            # Words in small letters behind the verb are what it can do: `ring3 image build`.
            words=$(sed -nE "s/^(usage:|      ) ring3 $verb ([a-z]+).*/\2/p" <<<"$text")
            [[ $words && $before != "$verb" ]] && words=''
            if grep -qE '^usage:.*\bDOMAIN\b' <<<"$text"; then
                words+=" $("$program" "${machine[@]}" list 2>/dev/null | awk 'NR > 1 { print $1 }')"
            fi
            if grep -qE '^usage:.*\bCONFIG\b' <<<"$text"; then
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
            fi
        fi
    fi
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o filenames -F _ring3 ring3 ./ring3
