/* Processes that do what takes long, the staging of a job, so that other jobs need not wait. */
#ifndef JOB_CREW_H
#define JOB_CREW_H

#include <poll.h>
#include <sys/types.h>
#include "job/step.h"

#define CREW_MAX 8

struct hand {
    pid_t pid; /* 0: there is none */
    int from;  /* what it has to say, when it has anything to say */
    char id[UUID_TEXT];
};

struct crew {
    struct hand hands[CREW_MAX];
};

bool crew_full(const struct crew *c);
bool crew_idle(const struct crew *c);
/* What such a process does, with a step and a store of its own. */
typedef int crew_work(struct step *s, const char *id, struct err *err);
/* Takes the job's lease and steps it until nothing of it takes long any more. */
int crew_stage(struct step *s, const char *id, struct err *err);

/* A process that works as `like` would; it dies with us. id may be "", when it is of no job. 0, or
 * -1 when it cannot be made. */
int crew_start(struct crew *c, const struct step *like, const char *id, crew_work *work,
               struct err *err);
/* For poll(2): fds has room for CREW_MAX; how many were set. */
size_t crew_fds(const struct crew *c, struct pollfd *fds);
/* One that has come to its end: 1 and its job in id, with the trouble it had in *err, whose text is
 * "" when it had none; 0 when all are still at work. */
int crew_reap(struct crew *c, char id[UUID_TEXT], struct err *err);
/* Those still at work are told to stop, and waited for. */
void crew_dismiss(struct crew *c);

#endif
