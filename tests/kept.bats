#!/usr/bin/env bats
# Nothing accepted is ever lost: tests/kept-jobs kills accept, run and phase at random moments, on a disk that is full at
# times, and then looks. EXECDM_KEPT_ROUNDS is the long form.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
}

@test "killed at random, and without room: nothing accepted is lost, or runs twice" {
    "$TOP_SRCDIR/tests/kept-jobs" "${EXECDM_KEPT_ROUNDS:-12}"
}
