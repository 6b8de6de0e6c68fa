/* Processes that do what takes long, so that other jobs need not wait: execdm-step, each with a
 * store of its own, as SQLite's connections are not for children. */
#ifndef JOB_CREW_H
#define JOB_CREW_H

#include <poll.h>
#include "host/spawn.h"
#include "job/step.h"

#define CREW_MAX 8

struct hand {
    bool busy;
    char id[UUID_TEXT]; /* of a job, or "" */
    char *argv[4];
    struct spawn run;
};

struct crew {
    struct hand hands[CREW_MAX]; /* not to be moved while one is busy */
};

bool crew_full(const struct crew *c);
bool crew_idle(const struct crew *c);
/* A process that steps the job until nothing of it takes long any more, or without an id does what
 * is due of jobs that have ended (sweep.h). It ends with us. 0, or -1 when it cannot be made. */
int crew_start(struct crew *c, const char *id, struct err *err);
/* For poll(2): fds has room for 2 * CREW_MAX; how many were set. */
size_t crew_fds(const struct crew *c, struct pollfd *fds);
/* One that has come to its end: 1 and its job in id, with the trouble it had in *err, whose text is
 * "" when it had none; 0 when all are still at work. */
int crew_reap(struct crew *c, char id[UUID_TEXT], struct err *err);
/* Those still at work are told to stop, and waited for. */
void crew_dismiss(struct crew *c);

/* What execdm-step does for a job: takes its lease and steps it. A lease that another process has
 * is no error: it does the same. */
int crew_stage(struct step *s, const char *id, struct err *err);

#endif
