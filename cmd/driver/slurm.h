/* execdm-driver-slurm in parts: slurm.c has the verbs, the other files what they need.
 *
 * The attempt's directory, which the nodes see too, holds beside what supervisor.h says: call.json,
 * what the supervisor reads and removes; slurm, the id, once sbatch has given it; submitting, a
 * lock; not_after, the end of the start window; slurm.log. */
#ifndef DRIVER_SLURM_H
#define DRIVER_SLURM_H

#include "host/spawn.h"
#include "protocol.h"

#define SLURM_OWN_MIB 16 /* of a job's memory in Slurm: the supervisor's */

/* One of our jobs, as the controller has it. */
struct seen {
    char *id, *stamp, *state, *why;
    char *node;         /* it was given; "" before */
    int64_t end;        /* since 1970, s; 0: not known */
    const char *source; /* of this knowledge: "squeue" or "sacct" */
};

struct seen_list {
    struct seen *list;
    size_t n;
};

/* All of them: each list is read once a call. */
struct cluster {
    const struct call *call;
    struct seen_list now;  /* what the controller has */
    struct seen_list past; /* what the accounting has of those it has not */
    bool recalled;
};

/* --- slurm.c --- */

/* The options that are sbatch's, too: their names and values, as --NAME=VALUE. */
void slurm_options(struct strs *words, const json_t *config);
/* Runs one of Slurm's commands, and collects what it wrote in s->out. CODE_UNAVAIL when Slurm did
 * not do it; s->errors says why. */
int slurm_run(struct spawn *s, const struct strs *words, const struct call *call, struct err *err);
/* A command of these words, with an id at their end; nobody reads what it writes. */
int slurm_control(const char *const words[], const char *id, const struct call *call,
                  struct err *err);

/* --- slurm_queue.c: what the controller knows --- */

/* All jobs of this user, those that ended a while ago too: one question, however many lines ask.
 * What was known stays when there is no answer. */
int cluster_read(struct cluster *c, struct err *err);
void cluster_fini(struct cluster *c);
/* The one with the line's stamp: there is one, but for an sbatch whose answer was lost. Then it is
 * the one that is not at its end, for only one of them can have taken the fence. */
const struct seen *cluster_find(const struct cluster *c, const json_t *line);
/* The same of what the accounting has, where a cluster has one: it knows ends that the controller
 * has forgotten. It is asked once a call, for all lines. NULL: nothing, or not how it ended. */
const struct seen *cluster_recall(struct cluster *c, const json_t *line);
bool seen_is_over(const struct seen *seen);
/* The id that sbatch gave, or NULL. The caller frees. */
char *slurm_noted_id(const json_t *line);

/* --- slurm_status.c --- */

/* Has the attempt left a record, to which Slurm has nothing to add? Its program has ended then, and
 * all that is left of it is a supervisor about to end, as long as that has its lock. */
bool slurm_is_told(const json_t *line);

/* --- the verbs that have a file: each answers one line with a new reference --- */

json_t *slurm_status(const json_t *line, struct cluster *c); /* slurm_status.c */
json_t *slurm_submit(const json_t *line, struct cluster *c); /* slurm_submit.c */
json_t *slurm_probe(const json_t *line, struct cluster *c);  /* slurm_probe.c */

#endif
