#!/usr/bin/env bats
# execdm.yaml is checked when it has changed, and else read as it was checked before (host/kept.c).

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    kept=$EXECDM_STATE/configuration.json
    task sh=true
}

says() { execdm-plan task.json 2>said | jq -r .result; }

keeps() {
    says >/dev/null
    [ -e "$kept" ]
}

# What was kept is changed, under the same key: who believes it says NO.
forge() {
    jq -c '.document.policy.quotas = [{cores: 0.5}]' "$kept" >forged
    cat forged >"$kept"
}

@test "what was checked is believed while nothing has changed, and while it is ours alone" {
    printf 'execdm: 1\npolicy: {quotas: [{cores: 64}]}\n' >"$EXECDM_CONFIG/execdm.yaml"
    touch -d '1 hour' "$EXECDM_CONFIG/execdm.yaml" # who writes it again within that hour need not change its time
    same YES "$(says)"
    [ ! -e "$kept" ]
    touch "$EXECDM_CONFIG/execdm.yaml"
    wait_until 60 keeps
    same 600 "$(stat -c %a "$kept")"
    same YES "$(says)"
    cp "$kept" true
    forge
    same NO "$(says)" # it is what is read
    chmod 640 "$kept"
    same YES "$(says)"
    forge && chmod 600 "$kept" && same NO "$(says)"
    # damaged, cut off, of another file, a link, no file at all
    head -c 40 true >"$kept" && same YES "$(says)"
    forge && same NO "$(says)"
    jq '.of |= sub("[0-9]$"; "x")' forged >"$kept" && same YES "$(says)"
    forge && same NO "$(says)"
    mv "$kept" other && ln -s "$PWD/other" "$kept" && same YES "$(says)"
    rm -f "$kept" && mkdir "$kept" && same YES "$(says)" && rmdir "$kept"
    mkfifo -m 600 "$kept" && same YES "$(says)"
    rm -f "$kept"
    printf '[1' >"$kept" && chmod 600 "$kept" && same YES "$(says)"
}

@test "what has changed is checked, however little" {
    printf 'execdm: 1\npolicy: {quotas: [{cores: 64}]}\n' >"$EXECDM_CONFIG/execdm.yaml"
    wait_until 60 keeps
    touch -r "$EXECDM_CONFIG/execdm.yaml" before
    # as long as before, with the time of before
    printf 'execdm: 1\npolicy: {quotas: [{cores: -4}]}\n' >"$EXECDM_CONFIG/execdm.yaml"
    touch -r before "$EXECDM_CONFIG/execdm.yaml"
    run -78 execdm-plan task.json
    has "$output" execdm.yaml cores
    rm "$EXECDM_CONFIG/execdm.yaml"
    same YES "$(says)"
}

# bats test_tags=root
@test "what somebody else has put there is not believed" {
    printf 'execdm: 1\npolicy: {quotas: [{cores: 64}]}\n' >"$EXECDM_CONFIG/execdm.yaml"
    wait_until 60 keeps
    forge
    same NO "$(says)"
    chown nobody "$kept"
    same YES "$(says)"
}
