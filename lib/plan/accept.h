/* Accepting an offer: its slot is booked and the job made, in one transaction (EP-12). */
#ifndef PLAN_ACCEPT_H
#define PLAN_ACCEPT_H

#include "plan/policy.h"

/* Which offer of an answer is meant: by id, name or number from 1 (`which`), else by preference
 * ("earliest" or "largest", NULL is earliest). Borrowed from the answer; NULL with err. */
json_t *accept_choose(json_t *answer, const char *which, const char *prefer, struct err *err);

/* Makes the job, for who the offer was made to. Accepting again gives the same job; so does
 * accepting another offer of an answer of which one was accepted. CODE_CONFLICT: expired, released,
 * or the room is gone. */
int accept_offer(struct store *store, const char *id, const struct identity *who, int64_t now,
                 struct job *job, struct err *err);
/* The same for a job that is in the store as a draft (job.h): it becomes what the offer says, keeps
 * its id, its name, the limit of time and the destruction its owner has given it, and waits for its
 * window. *job is what it is then. `planned` is the draft as it was when the offer was asked for:
 * CODE_TEMP when its task is another by now. Between store_begin and store_commit. CODE_CONFLICT
 * when it is no draft any more, too. */
int accept_draft(struct store *store, const struct job *planned, const char *offer,
                 const struct identity *who, int64_t now, struct job *job, struct err *err);
/* The keys in which a client's copy of an offer says something else than was offered, "a, b": a new
 * string, or NULL. What the copy leaves out is no difference. */
char *accept_differences(struct store *store, const json_t *copy, struct err *err);

#endif
