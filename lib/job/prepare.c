#include "host/clock.h"
#include "host/image.h"
#include "host/path.h"
#include "job/layout.h"
#include "job/managed.h"
#include "job/parts.h"

#define SUBMIT_S 60
#define START_S 600 /* after the end of its window, or its turn: who starts at the last moment */

/* Where there is a queue before it runs, the first look at it tells. */
static int handed_over(struct step *s, struct job *j, json_t *native, struct err *err)
{
    json_object_set_new(j->doc, "backend",
                        json_pack("{s:s,s:O}", "driver", j->driver, "native", native));
    if (json_is_true(json_object_get(act_private(j), "queue")))
        return act_go(s, j, EVENT_SUBMIT, NULL, err);
    return act_go(s, j, EVENT_EXECUTE, NULL, err);
}

/* Is a start still of use? Of a later attempt for a while from when its turn came. */
static bool in_time(const struct job *j)
{
    const int64_t to = json_int(act_private(j), "to", 0), turn = json_int(j->doc, "turn", 0);
    return clock_ms() / 1000 < (to > turn ? to : turn) + START_S;
}

/* The backend is away, or did not answer in time, when it may have the job all the same. It is
 * asked again, by the stamp, as long as a start is of use. */
static bool may_go(const struct job *j, const json_t *error)
{
    const char *kind = json_text(error, "kind");
    return (str_same(kind, "temporary") || str_same(kind, "unavailable")) && in_time(j);
}

static int submit(struct step *s, struct job *j, json_t *line, struct err *err)
{
    own(json_fini) json_t *lines = json_pack("[O]", line);
    own(json_fini) json_t *replies = NULL;
    if (act_driver(j, "submit", lines, SUBMIT_S, &replies, err) < 0) {
        /* outcome unknown: ask before doing anything again; submit is idempotent by its stamp */
        if (err->code != CODE_PROTO || act_driver(j, "submit", lines, SUBMIT_S, &replies, err) < 0)
            return -1;
    }
    const json_t *reply = json_array_get(replies, 0);
    const json_t *error = json_object_get(reply, "error");
    if (error && may_go(j, error))
        return err_set(err, CODE_TEMP, "driver %s: %s", j->driver, json_text(error, "text"));
    if (error)
        return act_fail(s, j, "internal", "platform", false, json_text(error, "text"), err);
    return handed_over(s, j, json_object_get(reply, "native"), err);
}

/* In the event log: what it waits for, once however often that is tried. */
static void tell(struct step *s, const struct job *j, const char *event, const char *why)
{
    struct err ignored = {0};
    own(json_fini) json_t *events = store_events(s->store, j->id, &ignored);
    size_t i;
    json_t *told;
    json_array_foreach (events, i, told)
        if (str_same(json_text(told, "why"), why))
            return;
    if (store_begin(s->store, false, &ignored) < 0)
        return;
    if (store_job_told(s->store, j, event, clock_ms(), s->by, why, &ignored) == 0)
        store_commit(s->store, &ignored);
    else
        store_rollback(s->store);
}

static void on_pull(void *context, const char *what)
{
    const struct moving *m = context;
    tell(m->step, m->job, "pull", what);
}

/* The image's files. 0 with them, 1 when the job has failed over it, -1: also while a registry is
 * down and a start is still of use. */
static int prepare_image(struct step *s, struct job *j, const struct task *t, char **rootfs,
                         json_t **config, int *hold, struct err *err)
{
    own(image_fini) struct image image = {0};
    struct moving m = {.step = s, .job = j};
    const json_t *noted = json_object_get(act_private(j), "image");
    const struct image_place place = {
        .dir = s->store->dir,
        .account = json_text(json_object_get(act_private(j), "driver_options"), "job-user"),
        .who = {.identity = j->owner, .stop = moving_stop, .context = &m},
        .bytes = json_int(noted, "bytes", IMAGE_BYTES),
        .files = json_int(noted, "files", IMAGE_FILES),
        .told = on_pull};
    struct err why = {0};
    if (!str_same(t->type, EXEC_TYPES "oci-container"))
        return 0;
    if (s->progress)
        s->progress(s->context, j, "image", -1, -1);
    if (image_parse(t->spec, &image, &why) == 0 &&
        image_recall(&image, json_text(noted, "digest"), &place.who, &why) == 0 &&
        image_unpack(&image, &place, rootfs, config, hold, &why) == 0)
        return 0;
    if (moving_stop(&m)) { /* by a signal, or because the owner wants the job ended */
        *err = why;
        return -1;
    }
    if (why.code == CODE_TEMP && in_time(j)) {
        tell(s, j, "pull", why.text);
        *err = why;
        return -1;
    }
    bool ours = why.code == CODE_DATA || why.code == CODE_NOINPUT;
    return act_fail(s, j, "imagepull", ours ? "task" : "platform", !ours && why.code != CODE_PERM,
                    why.text, err);
}

/* A worker may have died between handing the attempt to the driver and saying so. The driver knows:
 * 1 it has it, and the job is executing; 0 it has not; -1. */
static int adopt(struct step *s, struct job *j, struct err *err)
{
    own(str_fini) char *dir = layout_attempt(s->store, j, NULL);
    own(json_fini) json_t *lines = act_driver_line(s, j);
    own(json_fini) json_t *replies = NULL;
    if (!path_exists(dir))
        return 0;
    if (act_driver(j, "find", lines, SUBMIT_S, &replies, err) < 0)
        return -1;
    json_t *native = json_array_get(json_object_get(json_array_get(replies, 0), "natives"), 0);
    return native ? handed_over(s, j, native, err) : 0;
}

int part_prepare(struct step *s, struct job *j, const struct task *t, struct err *err)
{
    own(stager_fini) struct stager stager = {0};
    own(json_fini) json_t *config = NULL;
    own(json_fini) json_t *lines = layout_inputs(s->store, j, t);
    own(str_fini) char *rootfs = NULL;
    own(str_fini) char *in = store_job_path(s->store, j->id, "in");
    struct err why = {0};
    int rc = adopt(s, j, err);
    if (rc != 0)
        return rc;
    rc = managed_make(s, j, t, err);
    if (rc != 0)
        return rc < 0 ? -1 : act_go(s, j, EVENT_FAIL, act_reason(j), err);
    own(fd_fini) int hold = -1; /* of the image, until the supervisor has it */
    rc = prepare_image(s, j, t, &rootfs, &config, &hold, err);
    if (rc != 0)
        return rc;
    path_remove(in, &why); /* what a worker that died here left behind */
    rc = act_move(s, j, "inputs", lines, &stager, "stagein", err);
    if (rc < 0)
        return -1;
    if (rc > 0) {
        path_remove(in, &why);
        return act_go(s, j, EVENT_FAIL, act_reason(j), err);
    }
    if (layout_make(s->store, j, t, &why) < 0)
        return act_fail(s, j, "stagein", "platform", true, why.text, err);
    own(json_fini) json_t *line = layout_submit(s->store, j, t, rootfs, config);
    if (json_array_size(json_object_get(json_object_get(line, "exec"), "args")) == 0)
        return act_fail(s, j, "policy", "task", false,
                        "neither the image nor the task says what to run (command)", err);
    return submit(s, j, line, err);
}
