/* The worker: steps jobs as they become due, and sleeps in between. Any number may run at once. */
#ifndef JOB_WORKER_H
#define JOB_WORKER_H

#include "job/callout.h"
#include "job/step.h"

enum worker_mode {
    WORKER_JOBS,  /* the jobs named, until each is at its end */
    WORKER_ONCE,  /* every due step of every job, without waiting */
    WORKER_WATCH, /* all jobs, until told to stop */
};

struct worker {
    struct step step;
    enum worker_mode mode;
    const struct strs *ids; /* WORKER_JOBS */
    int told;               /* readable as soon as step.stop says yes, so that nobody need poll */
    /* a step that could not be done now; the worker goes on */
    void (*trouble)(void *context, const char *id, const struct err *err);
    /* called about once a second while there is nothing to do; NULL: nobody looks on */
    void (*tick)(void *context);
    struct caller caller; /* begins as {0} */
};

/* 0 when done, 1 when step.stop ended it before, -1. */
int worker_run(struct worker *w, struct err *err);

#endif
