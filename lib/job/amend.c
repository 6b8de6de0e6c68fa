#include "job/amend.h"
#include "host/clock.h"
#include "host/path.h"
#include "job/lease.h"

#define PATIENCE_MS 20000 /* for a worker that is just at the job */

static int err_phase(struct err *err, const struct job *j, const char *what)
{
    return err_set(err, CODE_CONFLICT, "job %s is %s, where its %s stays as it is", j->id,
                   phase_name(j->phase), what);
}

static void set_duration(struct job *j, int64_t seconds)
{
    char text[WHEN_TEXT];
    duration_print(duration_of(seconds), text);
    json_object_set_new(j->doc, "executionduration", json_string(text));
}

/* What was booked ends sooner. A job that waits for a trigger has booked its window, too. */
static int shorten_booking(struct store *store, const struct job *j, int64_t by, struct err *err)
{
    struct booking b = {0};
    int rc = store_booking_get(store, j->id, &b, err);
    if (rc > 0) {
        b.end -= by;
        rc = store_booking_drop(store, j->id, err) < 0
                 ? -1
                 : store_booking_set(store, j->platform, &b, err);
    }
    json_decref(b.room.parts);
    return rc < 0 ? -1 : 0;
}

static int limit(struct store *store, struct job *j, int64_t seconds, struct err *err)
{
    json_t *private = json_object_get(j->doc, "private");
    const int64_t booked = json_int(private, "length", 0);
    if (job_draft(j)) { /* for when it is planned */
        json_object_set_new(private, "limit", json_integer(seconds));
        if (seconds)
            set_duration(j, seconds);
        else
            json_object_del(j->doc, "executionduration");
        return 0;
    }
    if ((j->phase != PHASE_PENDING && j->phase != PHASE_QUEUED && j->phase != PHASE_HELD) ||
        job_waits_there(j))
        return err_phase(err, j, "limit of time");
    if (seconds == 0 || seconds == booked)
        return 0;
    if (seconds > booked)
        return err_set(err, CODE_CONFLICT,
                       "job %s has booked %lld s; its limit of time can be lowered, not raised",
                       j->id, (long long)booked);
    json_object_set_new(private, "length", json_integer(seconds));
    set_duration(j, seconds);
    return shorten_booking(store, j, booked - seconds, err);
}

static int take_parameters(struct job *j, const struct amend *a, struct err *err)
{
    if (a->before && !job_same_draft(j, a->before))
        return err_set(err, CODE_TEMP, "the task of job %s was changed meanwhile; try again",
                       j->id);
    json_t *private = json_object_get(j->doc, "private");
    if (!job_draft(j) || j->phase != PHASE_PENDING)
        return err_set(err, CODE_CONFLICT,
                       "job %s is %s and was planned; its parameters stay as they are", j->id,
                       phase_name(j->phase));
    json_object_set(j->doc, "parameters", a->parameters);
    json_object_del(private, "task");
    json_object_del(private, "sealed");
    json_object_del(private, "uploads");
    json_object_update(private, a->task);
    return 0;
}

static int apply(struct store *store, struct job *j, const struct amend *a, struct err *err)
{
    if (a->destruction && j->phase == PHASE_ARCHIVED)
        return err_phase(err, j, "destruction");
    if (a->destruction)
        j->destruction = a->destruction;
    if (a->destruction && job_draft(j)) /* not what follows when it is planned */
        json_object_set_new(json_object_get(j->doc, "private"), "destruction", json_true());
    if (a->name) {
        free(j->name);
        j->name = str_new(a->name);
    }
    if (a->runid)
        json_object_set_new(j->doc, "runid", json_string(a->runid));
    if (a->parameters && take_parameters(j, a, err) < 0)
        return -1;
    return a->limit >= 0 ? limit(store, j, a->limit, err) : 0;
}

int amend_draft(struct store *store, const char *id, const struct amend *a, struct err *err)
{
    own(job_fini) struct job j = {0};
    if (store_job_get(store, id, &j, err) < 0)
        return -1;
    if (job_remote(&j))
        return err_set(err, CODE_CONFLICT, "job %s is at a worker elsewhere: change it there", id);
    if (apply(store, &j, a, err) < 0)
        return -1;
    const int rc =
        store_job_amend(store, &j, clock_ms(), "amend", "owner", "changed by its owner", err);
    return rc == 0 ? err_set(err, CODE_TEMP, "job %s moved on meanwhile; try again", id) : rc;
}

int amend_job(struct store *store, const char *id, const struct amend *a, struct err *err)
{
    own(fd_fini) int lease = lease_take(store, id, PATIENCE_MS, err);
    if (lease < 0 || store_begin(store, true, err) < 0)
        return -1;
    if (amend_draft(store, id, a, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}
