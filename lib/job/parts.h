/* What single phases call for; each returns as step_job does. */
#ifndef JOB_PARTS_H
#define JOB_PARTS_H

#include "job/act.h"
#include "model/task.h"

/* PREPARING (prepare.c): inputs here, image unpacked, then handed to the driver. Done again from
 * the start when a worker died in it; what is there already costs little. */
int part_prepare(struct step *s, struct job *j, const struct task *t, struct err *err);

/* EXECUTING, SUSPENDED, UNKNOWN (execute.c): the driver knows. PART_SILENT is what is told instead
 * of its state when it did not answer for a while, with a message. */
#define PART_SILENT "silent"
int part_execute(struct step *s, struct job *j, int64_t *due, struct err *err);
/* Does what its driver says of an attempt call for a step of its job, which is in this phase? */
bool part_is_news(const json_t *reply, enum phase phase);
/* What the driver says of an attempt's end, into j's document. */
void part_record(struct job *j, const json_t *reply);

/* FINALIZING (finalize.c): results are stored and verified before anything is called complete
 * (PRD-15). */
int part_finalize(struct step *s, struct job *j, const struct task *t, struct err *err);
/* A file of the attempt, "stdout" or "stderr", as a result: name, where it is, how large. */
void part_own_result(struct step *s, struct job *j, json_t *results, const char *name);

#endif
