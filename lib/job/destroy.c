#include <dirent.h>
#include "host/clock.h"
#include "host/path.h"
#include "job/act.h"
#include "job/destroy.h"
#include "job/layout.h"
#include "job/lease.h"
#include "job/managed.h"
#include "plan/upload.h"

#define PURGE_S 30

/* A line for every attempt whose files are still there: those of the others were purged. */
static json_t *purge_lines(const struct store *store, const struct job *j)
{
    json_t *lines = json_array();
    struct job one = *j;
    for (one.attempt = 1; one.attempt <= j->attempt; one.attempt++) {
        char stamp[STAMP_TEXT];
        own(str_fini) char *dir = layout_attempt(store, &one, NULL);
        own(str_fini) char *record = layout_attempt(store, &one, EXIT_RECORD);
        const json_t *backend = json_object_get(j->doc, "backend"); /* of the last attempt */
        json_t *native = one.attempt == j->attempt ? json_object_get(backend, "native") : NULL;
        if (path_exists(dir))
            json_array_append_new(lines,
                                  json_pack("{s:s,s:O*,s:s,s:s}", "id", j->id, "native", native,
                                            "stamp", job_stamp(&one, stamp), "exitfile", record));
    }
    return lines;
}

/* Its own word about each line, or that of the call (execdm-driver(7), purge). */
static int purge(struct store *store, const struct job *j, struct err *err)
{
    own(json_fini) json_t *lines = purge_lines(store, j);
    own(json_fini) json_t *replies = NULL;
    size_t i;
    json_t *reply;
    if (json_array_size(lines) == 0)
        return 0;
    if (act_driver(j, "purge", lines, PURGE_S, &replies, err) < 0)
        return -1;
    json_array_foreach (replies, i, reply) {
        const json_t *error = json_object_get(reply, "error");
        if (error && !str_same(json_text(error, "kind"), "notfound"))
            return err_set(err, CODE_TEMP, "job %s cannot be purged: %s", j->id,
                           json_text(error, "text"));
    }
    return 0;
}

int destroy_files(struct store *store, const struct job *j, struct err *err)
{
    own(str_fini) char *dir = store_job_path(store, j->id, NULL);
    if (!job_remote(j) && purge(store, j, err) < 0)
        return -1;
    DIR *names = opendir(dir);
    int rc = 0;
    for (struct dirent *e; names && rc == 0 && (e = readdir(names));) {
        own(str_fini) char *path = str_print("%s/%s", dir, e->d_name);
        if (!str_same(e->d_name, ".") && !str_same(e->d_name, "..") && !str_same(e->d_name, "lock"))
            rc = path_remove(path, err);
    }
    if (names)
        closedir(names);
    return rc < 0 ? -1 : upload_remove(store, upload_of(act_private(j)), err);
}

int destroy_allowed(const struct job *j, unsigned who, struct err *err)
{
    if (phase_step(j->phase, EVENT_ARCHIVE, who) >= 0)
        return 0;
    return err_set(err, CODE_CONFLICT, "job %s is %s, where it cannot %s", j->id,
                   phase_name(j->phase), phase_event_name(EVENT_ARCHIVE));
}

int destroy_job(struct store *store, struct job *j, unsigned who, const char *by, const char *why,
                struct err *err)
{
    if (destroy_allowed(j, who, err) < 0 || destroy_files(store, j, err) < 0 ||
        store_begin(store, true, err) < 0)
        return -1;
    json_object_del(j->doc, "results");
    int rc = store_job_step(store, j, EVENT_ARCHIVE, who, clock_ms(), by, why, err);
    if (rc == 0)
        rc = err_set(err, CODE_TEMP, "job %s moved on meanwhile; try again", j->id);
    if (rc < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err) < 0 ? -1 : destroy_directory(store, j->id, err);
}

int destroy_directory(struct store *store, const char *id, struct err *err)
{
    own(str_fini) char *dir = store_job_path(store, id, NULL);
    own(str_fini) char *lock = store_job_path(store, id, "lock");
    unlink(lock);
    return rmdir(dir) == 0 || errno == ENOENT || errno == ENOTEMPTY
               ? 0
               : err_sys(err, "cannot remove %s", dir);
}

static bool is_due(const struct job *j, int64_t now)
{
    return j->phase != PHASE_ARCHIVED && !job_remote(j) && j->destruction > 0 &&
           j->destruction <= now;
}

/* Both are tried, whatever becomes of the first. A job that goes on is ended first (UWS 1.1). */
static int do_due(struct step *s, const char *id, struct err *err)
{
    own(job_fini) struct job j = {0};
    struct err none = {0};
    const int64_t now = clock_ms();
    int rc = managed_clear(s, id, err);
    if (store_job_get(s->store, id, &j, &none) < 0)
        return none.code == CODE_NOINPUT ? rc : (*err = none, -1);
    if (!is_due(&j, now))
        return rc;
    if (!phase_terminal(j.phase) && step_abort(s, &j, DESTROY_WHY, err) < 0)
        return -1;
    return destroy_job(s->store, &j, BY_WORKER, s->by, DESTROY_WHY, err) < 0 ? -1 : rc;
}

/* Who is at work for the job sees the wish and lets go of it. */
static int wish_end(struct step *s, const char *id, struct err *err)
{
    own(job_fini) struct job j = {0};
    if (store_job_get(s->store, id, &j, err) < 0)
        return err->code == CODE_NOINPUT ? 0 : -1;
    if (phase_terminal(j.phase) || j.wish || !is_due(&j, clock_ms()))
        return 0;
    if (store_begin(s->store, true, err) < 0)
        return -1;
    if (store_job_wish(s->store, id, "abort", err) == 0)
        return store_commit(s->store, err);
    store_rollback(s->store);
    return -1;
}

int destroy_due(struct step *s, const char *id, struct err *err)
{
    struct err none = {0};
    own(job_fini) struct job j = {0};
    own(fd_fini) int lease = lease_take(s->store, id, 0, err);
    if (lease < 0) /* or somebody else is at it */
        return err->code == CODE_TEMP ? wish_end(s, id, err) : -1;
    int rc = do_due(s, id, err);
    /* the lease has made the directory again */
    if (store_job_get(s->store, id, &j, &none) == 0 ? j.phase == PHASE_ARCHIVED
                                                    : none.code == CODE_NOINPUT)
        destroy_directory(s->store, id, &none);
    return rc;
}
