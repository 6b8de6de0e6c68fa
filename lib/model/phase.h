/* The phases of a job and the one table of steps between them (PRD-33, model.md). */
#ifndef MODEL_PHASE_H
#define MODEL_PHASE_H

#include "text/base.h"

enum phase {
    PHASE_PENDING,
    PHASE_QUEUED,
    PHASE_PREPARING,
    PHASE_EXECUTING,
    PHASE_FINALIZING,
    PHASE_COMPLETED,
    PHASE_ERROR,
    PHASE_ABORTED,
    PHASE_HELD,
    PHASE_SUSPENDED,
    PHASE_UNKNOWN,
    PHASE_ARCHIVED,
};
#define PHASE_COUNT (PHASE_ARCHIVED + 1)

enum phase_event {
    EVENT_OPEN,     /* the window is open */
    EVENT_PREPARE,  /* its turn: inputs are staged */
    EVENT_SUBMIT,   /* handed to a backend, and it waits in its queue */
    EVENT_EXECUTE,  /* it runs there */
    EVENT_FINISH,   /* the program ended, however it ended */
    EVENT_COMPLETE, /* results are stored and verified */
    EVENT_FAIL,
    EVENT_ABORT,
    EVENT_EXPIRE, /* the window closed before the start */
    EVENT_RETRY,  /* the platform's fault: the next attempt */
    EVENT_HOLD,
    EVENT_RELEASE,
    EVENT_SUSPEND,
    EVENT_RESUME,
    EVENT_LOSE, /* the backend cannot be asked */
    EVENT_FIND, /* and answers again */
    EVENT_ARCHIVE,
};
#define EVENT_COUNT (EVENT_ARCHIVE + 1)

/* Who may cause a step: bits. */
#define BY_WORKER 1u
#define BY_OWNER 2u

/* Where `event` leads from `from` when asked by `who`: the new phase, or -1 when the table has no
 * such step. What is not in the table is refused, never ignored. */
int phase_step(enum phase from, enum phase_event event, unsigned who);

bool phase_terminal(enum phase p); /* nothing runs any more */
const char *phase_name(enum phase p);
int phase_parse(const char *name, enum phase *p); /* -1: no such phase */
const char *phase_event_name(enum phase_event e);
int phase_event_parse(const char *name, enum phase_event *e); /* -1: no such event */
/* The Planner's own word: PENDING RUNNING COMPLETED FAILED CANCELLED; NULL where the phase has
 * none and the last word stays (UNKNOWN, ARCHIVED). */
const char *phase_status(enum phase p);
/* As UWS 1.1 sees it, which knows no staging: PREPARING is QUEUED, FINALIZING is EXECUTING. */
enum phase phase_uws(enum phase p);

#endif
