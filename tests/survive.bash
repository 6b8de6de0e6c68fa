# shellcheck shell=bash
# survived ID...   after whatever went wrong: does everything hold that was promised? Each of these jobs, whose acceptance was
#                  said, is there, comes to its end (here, when it had not), was started once an attempt and its program ran
#                  once in each; the store is sound; nothing is left of it but what it keeps: no process, mount or file.
#                  Says what does not hold. The jobs' program prints one line, and adds the same to /outputs/mark.
# settled          nobody is at work on the store any more: no process of ours, no sandbox, no mount

survived() {
    local id docs=$EXECDM_STATE.docs phase attempt dir n
    for id; do
        execdm-status --format=json "$id" >/dev/null 2>&1 || { echo "job $id was accepted, and is lost" && return 1; }
        case $(execdm-status --format=json "$id" | jq -r .phase) in
        HELD) execdm-phase "$id" release >/dev/null ;;
        SUSPENDED) execdm-phase "$id" resume >/dev/null ;;
        esac
    done
    n=0
    timeout 150 execdm-run "$@" >"$docs" 2>"$docs.err" </dev/null || n=$?
    [ "$n" -le 1 ] || { echo "they do not end, exit $n: $(cat "$docs.err")" && return 1; }
    settled || return 1
    execdm-store check >"$docs.check" 2>&1 || true
    [ "$(jq '.messages | length' "$docs.check" 2>&1)" = 0 ] || { echo "not sound: $(cat "$docs.check")" && return 1; }
    for id; do
        dir=$EXECDM_STATE/jobs/$id
        execdm-status --format=json "$id" >"$docs"
        phase=$(jq -r 'if .ended == null then "not ended: \(.phase)"
            elif .phase == "ERROR" and .error.fault != "platform" and .error.fault != "staging" then "failed: \(.error)" else .phase end' "$docs")
        case $phase in COMPLETED | ABORTED | ERROR) ;; *) echo "job $id $phase" && return 1 ;; esac
        attempt=$(jq .attempt "$docs")
        # EXECUTING again after SUSPENDED is no start
        n=$(jq '[.history[].phase] | [., .[1:]] | transpose | map(select(.[1] == "EXECUTING" and .[0] != "SUSPENDED")) | length' "$docs")
        [ "$n" -le "$attempt" ] || { echo "job $id: $n starts in $attempt attempts" && return 1; }
        for ((n = 1; n <= attempt; n++)); do
            [ ! -e "$dir/attempt-$n/stdout" ] || [ "$(wc -l <"$dir/attempt-$n/stdout")" -le 1 ] ||
                { echo "job $id: attempt $n ran more than once" && return 1; }
        done
        [ ! -e "$dir/attempt-$n" ] || { echo "job $id: an attempt $n that it does not know of" && return 1; }
        if [ "$phase" = COMPLETED ]; then
            [ "$(wc -l <"$dir/results/mark")$(cat "$dir/attempt-$attempt/stdout")" = "1$(cat "$dir/results/mark")" ] ||
                { echo "job $id: its program did not run once: $(cat "$dir/results/mark")" && return 1; }
            n=$(find "$dir" -path "$dir/in" -o -name scratch)
            [ -z "$n" ] || { echo "job $id: left behind: $n" && return 1; }
        fi
    done
    n=$(find "$EXECDM_STATE" -maxdepth 1 -name '*.tmp.*' 2>/dev/null; find "$EXECDM_STATE/images/tmp" -mindepth 1 -maxdepth 1 2>/dev/null) || true
    [ -z "$n" ] || { echo "left behind: $n" && return 1; }
}

# Who has a file of the store open, or is one of our programs and was told of it.
at_work() {
    local p
    for p in /proc/[0-9]*; do
        case $(cat "$p/comm" 2>/dev/null) in execdm-* | bwrap | umoci | python3) ;; *) continue ;; esac
        if [ -n "$(find "$p/fd" -lname "$EXECDM_STATE/*" -print -quit 2>/dev/null)" ] ||
            grep -qzxF "EXECDM_STATE=$EXECDM_STATE" "$p/environ" 2>/dev/null ||
            grep -qF "$EXECDM_STATE/" "$p/mountinfo" 2>/dev/null; then
            tr '\0' ' ' <"$p/cmdline" 2>/dev/null
            echo "(${p#/proc/})"
        fi
    done
}

settled() {
    local left end=$((SECONDS + 15))
    while left=$(at_work) && [ "$left" ] && [ "$SECONDS" -lt "$end" ]; do sleep 0.1; done
    [ -z "$left" ] || { echo "a process is left: $left" && return 1; }
    left=$(grep -F "$EXECDM_STATE/" /proc/self/mountinfo || true)
    [ -z "$left" ] || { echo "a mount is left: $left" && return 1; }
}
