#include "model/phase.h"

static const struct {
    const char *name, *status;
    bool terminal;
    enum phase uws;
} phases[PHASE_COUNT] = {
    [PHASE_PENDING] = {"PENDING", "PENDING", false, PHASE_PENDING},
    [PHASE_QUEUED] = {"QUEUED", "PENDING", false, PHASE_QUEUED},
    [PHASE_PREPARING] = {"PREPARING", "PENDING", false, PHASE_QUEUED},
    [PHASE_EXECUTING] = {"EXECUTING", "RUNNING", false, PHASE_EXECUTING},
    [PHASE_FINALIZING] = {"FINALIZING", "RUNNING", false, PHASE_EXECUTING},
    [PHASE_COMPLETED] = {"COMPLETED", "COMPLETED", true, PHASE_COMPLETED},
    [PHASE_ERROR] = {"ERROR", "FAILED", true, PHASE_ERROR},
    [PHASE_ABORTED] = {"ABORTED", "CANCELLED", true, PHASE_ABORTED},
    [PHASE_HELD] = {"HELD", "PENDING", false, PHASE_HELD},
    [PHASE_SUSPENDED] = {"SUSPENDED", "RUNNING", false, PHASE_SUSPENDED},
    [PHASE_UNKNOWN] = {"UNKNOWN", NULL, false, PHASE_UNKNOWN},
    [PHASE_ARCHIVED] = {"ARCHIVED", NULL, true, PHASE_ARCHIVED},
};

static const char *const events[EVENT_COUNT] = {
    [EVENT_OPEN] = "open",       [EVENT_PREPARE] = "prepare", [EVENT_SUBMIT] = "submit",
    [EVENT_EXECUTE] = "execute", [EVENT_FINISH] = "finish",   [EVENT_COMPLETE] = "complete",
    [EVENT_FAIL] = "fail",       [EVENT_ABORT] = "abort",     [EVENT_EXPIRE] = "expire",
    [EVENT_RETRY] = "retry",     [EVENT_HOLD] = "hold",       [EVENT_RELEASE] = "release",
    [EVENT_SUSPEND] = "suspend", [EVENT_RESUME] = "resume",   [EVENT_LOSE] = "lose",
    [EVENT_FIND] = "find",       [EVENT_ARCHIVE] = "archive",
};

static const struct {
    enum phase from;
    enum phase_event event;
    enum phase to;
    unsigned who;
} edges[] = {
    {PHASE_PENDING, EVENT_OPEN, PHASE_QUEUED, BY_WORKER},
    {PHASE_PENDING, EVENT_HOLD, PHASE_HELD, BY_OWNER},
    {PHASE_PENDING, EVENT_EXPIRE, PHASE_ABORTED, BY_WORKER},
    {PHASE_PENDING, EVENT_FAIL, PHASE_ERROR, BY_WORKER},
    {PHASE_PENDING, EVENT_ABORT, PHASE_ABORTED, BY_OWNER | BY_WORKER},

    {PHASE_QUEUED, EVENT_PREPARE, PHASE_PREPARING, BY_WORKER},
    {PHASE_QUEUED, EVENT_HOLD, PHASE_HELD, BY_OWNER},
    {PHASE_QUEUED, EVENT_EXPIRE, PHASE_ABORTED, BY_WORKER},
    {PHASE_QUEUED, EVENT_FAIL, PHASE_ERROR, BY_WORKER},
    {PHASE_QUEUED, EVENT_ABORT, PHASE_ABORTED, BY_OWNER | BY_WORKER},
    /* those that wait in the queue of a backend (job_waits_there) */
    {PHASE_QUEUED, EVENT_EXECUTE, PHASE_EXECUTING, BY_WORKER},
    {PHASE_QUEUED, EVENT_FINISH, PHASE_FINALIZING, BY_WORKER}, /* nobody looked while it ran */
    {PHASE_QUEUED, EVENT_RETRY, PHASE_QUEUED, BY_WORKER},
    {PHASE_QUEUED, EVENT_LOSE, PHASE_UNKNOWN, BY_WORKER},

    {PHASE_PREPARING, EVENT_SUBMIT, PHASE_QUEUED, BY_WORKER},
    {PHASE_PREPARING, EVENT_EXECUTE, PHASE_EXECUTING, BY_WORKER},
    {PHASE_PREPARING, EVENT_FAIL, PHASE_ERROR, BY_WORKER},
    {PHASE_PREPARING, EVENT_ABORT, PHASE_ABORTED, BY_OWNER | BY_WORKER},
    {PHASE_PREPARING, EVENT_RETRY, PHASE_QUEUED, BY_WORKER},

    {PHASE_EXECUTING, EVENT_FINISH, PHASE_FINALIZING, BY_WORKER},
    {PHASE_EXECUTING, EVENT_FAIL, PHASE_ERROR, BY_WORKER},
    {PHASE_EXECUTING, EVENT_ABORT, PHASE_ABORTED, BY_OWNER | BY_WORKER},
    {PHASE_EXECUTING, EVENT_RETRY, PHASE_QUEUED, BY_WORKER},
    {PHASE_EXECUTING, EVENT_SUBMIT, PHASE_QUEUED, BY_WORKER}, /* its backend put it back */
    /* a backend may suspend by itself, for want of room (UWS 1.1), or tell before we have said so
     */
    {PHASE_EXECUTING, EVENT_SUSPEND, PHASE_SUSPENDED, BY_OWNER | BY_WORKER},
    {PHASE_EXECUTING, EVENT_LOSE, PHASE_UNKNOWN, BY_WORKER},

    {PHASE_FINALIZING, EVENT_COMPLETE, PHASE_COMPLETED, BY_WORKER},
    {PHASE_FINALIZING, EVENT_FAIL, PHASE_ERROR, BY_WORKER},
    {PHASE_FINALIZING, EVENT_ABORT, PHASE_ABORTED, BY_OWNER | BY_WORKER},

    {PHASE_HELD, EVENT_RELEASE, PHASE_PENDING, BY_OWNER},
    {PHASE_HELD, EVENT_EXPIRE, PHASE_ABORTED, BY_WORKER},
    {PHASE_HELD, EVENT_ABORT, PHASE_ABORTED, BY_OWNER | BY_WORKER},

    {PHASE_SUSPENDED, EVENT_RESUME, PHASE_EXECUTING, BY_OWNER | BY_WORKER},
    {PHASE_SUSPENDED, EVENT_FINISH, PHASE_FINALIZING, BY_WORKER}, /* its limit of time, say */
    {PHASE_SUSPENDED, EVENT_FAIL, PHASE_ERROR, BY_WORKER},        /* lost once too often */
    {PHASE_SUSPENDED, EVENT_RETRY, PHASE_QUEUED, BY_WORKER},
    {PHASE_SUSPENDED, EVENT_ABORT, PHASE_ABORTED, BY_OWNER | BY_WORKER},
    {PHASE_SUSPENDED, EVENT_LOSE, PHASE_UNKNOWN, BY_WORKER},

    {PHASE_UNKNOWN, EVENT_FIND, PHASE_EXECUTING, BY_WORKER},
    {PHASE_UNKNOWN, EVENT_SUBMIT, PHASE_QUEUED, BY_WORKER},
    {PHASE_UNKNOWN, EVENT_FINISH, PHASE_FINALIZING, BY_WORKER},
    {PHASE_UNKNOWN, EVENT_RETRY, PHASE_QUEUED, BY_WORKER},
    {PHASE_UNKNOWN, EVENT_FAIL, PHASE_ERROR, BY_WORKER},
    {PHASE_UNKNOWN, EVENT_ABORT, PHASE_ABORTED, BY_OWNER | BY_WORKER},

    {PHASE_COMPLETED, EVENT_ARCHIVE, PHASE_ARCHIVED, BY_OWNER | BY_WORKER},
    {PHASE_ERROR, EVENT_ARCHIVE, PHASE_ARCHIVED, BY_OWNER | BY_WORKER},
    {PHASE_ABORTED, EVENT_ARCHIVE, PHASE_ARCHIVED, BY_OWNER | BY_WORKER},
};

int phase_step(enum phase from, enum phase_event event, unsigned who)
{
    for (size_t i = 0; i < COUNT(edges); i++)
        if (edges[i].from == from && edges[i].event == event && (edges[i].who & who))
            return (int)edges[i].to;
    return -1;
}

bool phase_terminal(enum phase p)
{
    return phases[p].terminal;
}

const char *phase_name(enum phase p)
{
    return phases[p].name;
}

int phase_parse(const char *name, enum phase *p)
{
    for (size_t i = 0; i < COUNT(phases); i++) {
        if (!str_same(phases[i].name, name))
            continue;
        *p = (enum phase)i;
        return 0;
    }
    return -1;
}

const char *phase_event_name(enum phase_event e)
{
    return events[e];
}

int phase_event_parse(const char *name, enum phase_event *e)
{
    for (size_t i = 0; i < COUNT(events); i++) {
        if (!str_same(events[i], name))
            continue;
        *e = (enum phase_event)i;
        return 0;
    }
    return -1;
}

const char *phase_status(enum phase p)
{
    return phases[p].status;
}

enum phase phase_uws(enum phase p)
{
    return phases[p].uws;
}
