#include "job/act.h"
#include "host/clock.h"
#include "host/driver.h"
#include "host/path.h"
#include "job/layout.h"
#include "job/turn.h"
#include "model/secret.h"
#include "store/seal.h"
#include "store/storage.h"

int act_go_locked(struct step *s, struct job *j, enum phase_event event, int64_t now,
                  const char *why, struct err *err)
{
    int rc = store_job_step(s->store, j, event, BY_WORKER, now, s->by, why, err);
    if (rc == 0)
        rc = err_set(err, CODE_TEMP, "job %s was moved on by another process", j->id);
    if (rc > 0 && phase_terminal(j->phase))
        rc = store_booking_drop(s->store, j->id, err) < 0 || storage_end(s->store, j, now, err) < 0
                 ? -1
                 : 1;
    if (rc > 0 && (event == EVENT_PREPARE || event == EVENT_EXECUTE) && !turn_is_theirs(j))
        rc = turn_take(s->store, j, now / 1000, err) < 0 ? -1 : 1;
    return rc;
}

int act_go(struct step *s, struct job *j, enum phase_event event, const char *why, struct err *err)
{
    int64_t now = clock_ms();
    if (store_begin(s->store, true, err) < 0)
        return -1;
    int to = phase_step(j->phase, event, BY_WORKER);
    if (to >= 0 && phase_terminal((enum phase)to))
        j->ended = now;
    if (!j->started && (event == EVENT_EXECUTE || event == EVENT_FIND || event == EVENT_FINISH))
        j->started = now;
    if (act_go_locked(s, j, event, now, why, err) < 0) {
        store_rollback(s->store);
        return -1;
    }
    return store_commit(s->store, err) < 0 ? -1 : 1;
}

void act_error(struct job *j, const char *reason, const char *fault, bool transient,
               const char *message)
{
    json_object_set_new(j->doc, "error",
                        json_pack("{s:s,s:s,s:b,s:s}", "reason", reason, "fault", fault,
                                  "transient", transient, "message", message));
}

const char *act_reason(const struct job *j)
{
    return json_text(json_object_get(j->doc, "error"), "message");
}

void act_release_inputs(struct step *s, struct job *j)
{
    struct err ignored;
    own(str_fini) char *in = store_job_path(s->store, j->id, "in");
    own(str_fini) char *scratch = layout_attempt(s->store, j, "scratch");
    path_remove(in, &ignored);
    path_remove(scratch, &ignored);
}

void act_release_outputs(struct step *s, struct job *j)
{
    struct err ignored;
    own(str_fini) char *out = layout_attempt(s->store, j, "out");
    own(str_fini) char *outputs = layout_attempt(s->store, j, "outputs");
    path_remove(out, &ignored);
    path_remove(outputs, &ignored);
}

int act_fail(struct step *s, struct job *j, const char *reason, const char *fault, bool transient,
             const char *message, struct err *err)
{
    act_error(j, reason, fault, transient, message);
    act_release_inputs(s, j);
    return act_go(s, j, EVENT_FAIL, message, err);
}

void act_message(struct job *j, const char *rule, const char *text)
{
    json_t *messages = json_object_get(j->doc, "messages");
    if (!messages) {
        messages = json_array();
        json_object_set_new(j->doc, "messages", messages);
    }
    json_array_append_new(
        messages, json_pack("{s:s,s:s,s:s}", "severity", "warning", "rule", rule, "text", text));
}

void act_forget(struct job *j, const char *rule)
{
    json_t *messages = json_object_get(j->doc, "messages");
    for (size_t i = json_array_size(messages); i-- > 0;)
        if (str_same(json_text(json_array_get(messages, i), "rule"), rule))
            json_array_remove(messages, i);
}

const json_t *act_private(const struct job *j)
{
    return json_object_get(j->doc, "private");
}

json_t *act_reveal(const struct step *s, const struct job *j, json_t *part, struct err *err)
{
    const json_t *sealed = json_object_get(act_private(j), "sealed");
    if (!sealed)
        return json_incref(part);
    own(json_fini) json_t *secrets =
        seal_open(s->store, json_text(sealed, "name"), json_text(sealed, "text"), err);
    json_t *copy = secrets ? json_deep_copy(part) : NULL;
    secret_put(copy, secrets);
    return copy;
}

int act_driver(const struct job *j, const char *verb, json_t *lines, int deadline_s,
               json_t **replies, struct err *err)
{
    const json_t *options = json_object_get(act_private(j), "driver_options");
    return driver_call(j->driver, verb, options, lines, deadline_s, replies, err);
}

json_t *act_driver_line(const struct step *s, const struct job *j)
{
    char stamp[STAMP_TEXT];
    own(str_fini) char *record = layout_attempt(s->store, j, EXIT_RECORD);
    return json_pack("[{s:s,s:O*,s:s,s:s}]", "id", j->id, "native",
                     json_object_get(json_object_get(j->doc, "backend"), "native"), "stamp",
                     job_stamp(j, stamp), "exitfile", record);
}

static bool stopping(void *context)
{
    struct step *s = context;
    return s->stop && s->stop(s->context);
}

static void on_progress(void *context, const char *id, int64_t bytes, int64_t total)
{
    struct moving *m = context;
    (void)id;
    if (m->step->progress)
        m->step->progress(m->step->context, m->job, m->what, bytes, total);
}

bool moving_stop(void *context)
{
    struct moving *m = context;
    if (clock_boot() - m->asked > 400) {
        own(str_fini) char *wish = store_job_wished(m->step->store, m->job->id);
        m->asked = clock_boot();
        m->wish |= wish != NULL;
    }
    return m->wish || stopping(m->step);
}

int act_move(struct step *s, struct job *j, const char *what, json_t *lines, struct stager *stager,
             const char *reason, struct err *err)
{
    struct moving m = {s, j, what, 0, false};
    *stager = (struct stager){
        .identity = j->owner, .stop = moving_stop, .progress = on_progress, .context = &m};
    if (stager_run(stager, lines, err) < 0)
        return -1;
    const char *id;
    const json_t *failed = stager_failure(stager, lines, &id);
    if (!failed)
        return 0;
    const json_t *error = json_object_get(failed, "error");
    own(str_fini) char *text = str_print("%s: %s", id, json_text(error, "text"));
    act_error(j, reason, "staging", json_is_true(json_object_get(error, "transient")), text);
    return 1;
}
