/* Input files that came with a task, kept until its job is destroyed, or its offers have expired:
 * state/uploads/ANSWER/NAME, which a task calls upload:NAME. A directory's time is when it may go,
 * if no job is there that needs it; which job has them is in it, too. */
#ifndef PLAN_UPLOAD_H
#define PLAN_UPLOAD_H

#include "store/store.h"

#define UPLOAD_SCHEME "upload:"
#define UPLOAD_NAME_MAX 64

/* May a file be called so? Nothing in it means anything to a path. */
bool upload_name(const char *name);
/* Where the file of a location is, "upload:NAME", of the answer `id`: NULL when the location is no
 * such, or id is NULL. The caller frees. */
char *upload_path(const struct store *s, const char *id, const char *location);

/* First the place, good for an hour, and whose it is; then each file, on the disk when it returns.
 */
int upload_begin(const struct store *s, const char *id, const char *owner, struct err *err);
int upload_keep(const struct store *s, const char *id, const char *name, const char *bytes,
                size_t len, struct err *err);
/* What all files of an owner take, in bytes. */
int64_t upload_used(const struct store *s, const char *owner);
/* They are a job's from now on, before it is in the store. id may be NULL. */
int upload_mark(const struct store *s, const char *id, const char *job, struct err *err);
/* The id by which those of an offer or a job are kept, by what it keeps to itself; NULL when there
 * are none. Borrowed. */
const char *upload_of(const json_t *private);
/* They are kept as long as any of the offers of the answer; without one they go, unless they are a
 * job's. id may be NULL. */
void upload_expire(struct store *s, const char *id, const json_t *offers);
/* Removes those of an answer; nothing is there to remove when id is NULL. */
int upload_remove(const struct store *s, const char *id, struct err *err);

/* When some may be due, ms, INT64_MAX for never; and removes those that are. */
int64_t upload_when(const struct store *s);
int upload_sweep(struct store *s, int64_t now, struct err *err);

#endif
