/* A job as the store keeps it, and the document the worker shows (Planner 4.2, model.md). */
#ifndef MODEL_JOB_H
#define MODEL_JOB_H

#include "model/phase.h"
#include "text/json.h"
#include "text/uuid.h"
#include "text/when.h"

struct job {
    char id[UUID_TEXT];
    enum phase phase;
    int attempt; /* from 1; 0 before the first */
    char *name, *owner, *platform, *driver;
    char *wish; /* what the owner asked for and nobody did yet ("abort"), or NULL */
    int64_t created, started, ended, destruction; /* ms since 1970; 0: not yet */
    json_t *doc; /* the rest of the document: executable, resources, exit, results... */
};

/* Gives back what a job read from the store owns. */
void job_fini(struct job *j);

/* The driver of a job that is at a worker elsewhere: no program of ours drives it. */
#define JOB_REMOTE "remote"
bool job_remote(const struct job *j);
/* The driver of a job that was made over UWS, whose owner has not said yet that it is to run: it is
 * PENDING, and nothing was planned or booked. Its platform is "". In doc are `parameters`; in its
 * `private`, where it has one, `task`, with `sealed` for what was secret in it, and `limit`, the
 * run time its owner wants (s). */
#define JOB_DRAFT "draft"
bool job_draft(const struct job *j);
/* Have two drafts, read at different times, the same task and parameters? */
bool job_same_draft(const struct job *a, const struct job *b);
/* Does it wait in the queue of a backend that has one of its own? It is QUEUED as before, but what
 * becomes of it is the backend's to say. */
bool job_waits_there(const struct job *j);
/* Takes what a worker elsewhere says of it: the document `seen`, whose phase is one of ours, at
 * `now` (ms). In doc are then `seen`, `seen_at`, and no `trouble` any more. */
void job_seen(struct job *j, json_t *seen, int64_t now);

/* The document. history is the event log as a list of {phase, time, by, why}, borrowed; both
 * history and waiting_for may be NULL. A new reference. */
json_t *job_document(const struct job *j, json_t *history, const char *waiting_for);

/* "execdm-ID-ATTEMPT", what marks a backend's object as ours. */
#define STAMP_TEXT 64
char *job_stamp(const struct job *j, char text[STAMP_TEXT]);

#endif
