/* The end of what a job leaves: its results, its logs, what its backend keeps of it. The row and
 * the history stay, unless the owner deletes them, too. */
#ifndef JOB_DESTROY_H
#define JOB_DESTROY_H

#include "job/step.h"

/* Forgets the job at its backend, then removes its directory, but for the lock of its lease, which
 * the caller holds. Again costs nothing. The job is at an end. CODE_UNAVAIL, CODE_TEMP: the backend
 * cannot be asked now, and everything is as it was. */
int destroy_files(struct store *store, const struct job *j, struct err *err);

/* 0 when the table lets `who` (phase.h) archive it now, else CODE_CONFLICT. */
int destroy_allowed(const struct job *j, unsigned who, struct err *err);

/* The same as destroy_files, and the job is ARCHIVED afterwards: `who` may be the owner or the
 * worker (phase.h), `by` and `why` stand in the event log. Killed in between it can be done again.
 */
int destroy_job(struct store *store, struct job *j, unsigned who, const char *by, const char *why,
                struct err *err);

/* What is due of a job: places that were made for it (managed.h), its destruction, before which one
 * that goes on is ended. Takes its lease; when another holds it, that one does it. */
#define DESTROY_WHY "its destruction time"
int destroy_due(struct step *s, const char *id, struct err *err);

/* Removes the lock, and the directory when it is empty then: what has content is left, for it may
 * be all there is of a job that the store has lost. Last of all: whoever comes now makes another
 * lock. */
int destroy_directory(struct store *store, const char *id, struct err *err);

#endif
