/* The job store: offers, jobs, their events and bookings, in one SQLite file of one user.
 *
 * Reading needs nothing. Writing stands between store_begin and store_commit; writers queue on a
 * lock file, so that no one starves, and give up with CODE_TEMP after 10 s. A step of a job is one
 * transaction: the phase is compared and set, and the event log gains a row. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "model/job.h"
#include "model/room.h"
#include "text/buf.h"
#include "text/err.h"

struct store {
    char *dir; /* the state directory, absolute */
    struct sqlite3 *db;
    struct sqlite3_stmt **statements; /* prepared once, see db.h */
    int lock;                         /* the writers' queue */
    bool network;                     /* the directory is on a network file system */
    bool wrote;                       /* something, since it was opened */
};

/* Opens the store of the state directory (place.h), made when it is not there. CODE_CONFIG when it
 * was written by a newer execdm. */
int store_open(struct store *s, struct err *err);
/* The same, but makes none: CODE_NOINPUT. What could be opened before it failed stays open, and s
 * is the caller's to close: of a damaged store dir is known. */
int store_open_as_is(struct store *s, struct err *err);
void store_close(struct store *s);
/* "DIR/jobs/ID" or "DIR/jobs/ID/name"; the caller frees. */
char *store_job_path(const struct store *s, const char *id, const char *name);

/* durable: on stable storage when store_commit returns (an accept, a phase); else soon (an offer).
 */
int store_begin(struct store *s, bool durable, struct err *err);
int store_commit(struct store *s, struct err *err);
void store_rollback(struct store *s);

struct offer_row {
    char id[UUID_TEXT], answer[UUID_TEXT];
    char *platform;
    int64_t created, expires; /* ms */
    json_t *doc;              /* {offer, private} */
};
void offer_row_fini(struct offer_row *o);

/* Those nobody took go a day after they expired. `now` in ms. */
int store_offers_forget(struct store *s, int64_t now, struct err *err);
int store_offer_add(struct store *s, const struct offer_row *o, struct err *err);
/* CODE_NOINPUT when there is none. */
int store_offer_get(struct store *s, const char *id, struct offer_row *o, struct err *err);
/* The offer of this answer that was accepted already: 1 and its id, 0 when none was. */
int store_offer_accepted(struct store *s, const char *answer, char id[UUID_TEXT], struct err *err);
/* This one is accepted, its siblings are released (EP-97). */
int store_offer_accept(struct store *s, const struct offer_row *o, struct err *err);

/* The slot a job holds on its platform. Times in s since 1970, amounts as in struct task. */
struct booking {
    char job[UUID_TEXT];
    int64_t start, end;
    int64_t latest; /* when it must have been started; 0: it was */
    struct room room;
};
void bookings_free(struct booking *list, size_t n);

int store_booking_set(struct store *s, const char *platform, const struct booking *b,
                      struct err *err);
int store_booking_drop(struct store *s, const char *job, struct err *err);
/* 1, or 0 when the job has none. The caller gives back b->room.parts. */
int store_booking_get(struct store *s, const char *job, struct booking *b, struct err *err);
/* Those of a platform whose job is under way. *list for bookings_free. */
int store_bookings_running(struct store *s, const char *platform, struct booking **list, size_t *n,
                           struct err *err);
/* Those for which what they add up to is not what counts at `now`: under way, but not within their
 * times (late, or the clock was set back); and never started, though their window has closed. */
int store_bookings_apart(struct store *s, const char *platform, int64_t now, struct booking **list,
                         size_t *n, struct err *err);

/* How the use of a thing changes at a moment: of THING_ROOM cores and memory, of a counted part
 * (by its name) the count and 0. */
#define THING_ROOM ""
struct change {
    int64_t time, first, second;
};
/* What the bookings of a platform add up to, in the order of time, in pieces: adds some more
 * changes to *list and moves *next on, which begins as the moment from which on they are wanted.
 * The first change of all stands for everything before. 1, or 0 when there are no more. */
int store_changes(struct store *s, const char *platform, const char *thing, int64_t *next,
                  struct change **list, size_t *n, struct err *err);

/* Of which platforms (and things) the bookings do not add up to what is kept: their names. */
int store_sums_check(struct store *s, struct strs *wrong, struct err *err);

/* Adds the job in its phase, with the first event. */
int store_job_add(struct store *s, const struct job *j, const char *by, const char *why,
                  struct err *err);
/* CODE_NOINPUT when there is none; an unambiguous beginning or end of an id (6 letters) will
 * do.
 */
int store_job_get(struct store *s, const char *id, struct job *j, struct err *err);
/* One step: from the phase and attempt the job is in here to where the table leads, with everything
 * else of *j but its wish written along. 1 done, 0 when the store holds another phase or attempt by
 * now (nothing is written), -1 CODE_CONFLICT when the table has no such step, or another error. On
 * 1 j->phase is the new phase. Between store_begin and store_commit. */
int store_job_step(struct store *s, struct job *j, enum phase_event event, unsigned who,
                   int64_t now, const char *by, const char *why, struct err *err);
/* What was seen of a job elsewhere, which the table of steps is not for: the row as it stands in
 * *j, if the store still has it in phase `before`, and an event when its phase is another now. 1,
 * or 0 when another phase was written meanwhile. Between store_begin and store_commit. */
int store_job_note(struct store *s, const struct job *j, enum phase before, int64_t now,
                   struct err *err);
/* An event that leaves the job in its phase. Between store_begin and store_commit. */
int store_job_told(struct store *s, const struct job *j, const char *event, int64_t now,
                   const char *by, const char *why, struct err *err);
/* What stands in *j but its phase, attempt, owner and times of run, if the store still has it in
 * this phase and attempt; and an event that leaves it there. 1, or 0 when it has moved on. Between
 * store_begin and store_commit. */
int store_job_amend(struct store *s, const struct job *j, int64_t now, const char *event,
                    const char *by, const char *why, struct err *err);
int store_job_wish(struct store *s, const char *id, const char *wish, struct err *err);
/* The wish now standing, a new string or NULL. Cheap: asked while a transfer runs. */
char *store_job_wished(struct store *s, const char *id);
int store_job_delete(struct store *s, const char *id, struct err *err);
/* The ids of jobs, newest first; live: only those a worker here has something
 * to do with: not at an end, not elsewhere and no drafts. */
int store_jobs(struct store *s, bool live, struct strs *ids, struct err *err);
/* Live jobs here that their owner wants something of. */
int store_jobs_wished(struct store *s, struct strs *ids, struct err *err);
/* What the event log says happened to jobs here after the event *seen, in its order; moves *seen
 * on. store_events_last: the last event there is. */
int store_jobs_changed(struct store *s, int64_t *seen,
                       void (*each)(void *context, const char *job, enum phase now), void *context,
                       struct err *err);
int store_events_last(struct store *s, int64_t *last, struct err *err);
/* The event log of one job as a list of {phase, time, by, why}: a new reference, NULL with err. */
json_t *store_events(struct store *s, const char *id, struct err *err);

/* Touched by every write, so that who waits can be woken by inotify; "DIR/wake". */
const char *store_wake_name(void);

#endif
