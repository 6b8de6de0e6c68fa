#include <dirent.h>
#include <sys/stat.h>
#include "host/clock.h"
#include "host/driver.h"
#include "host/image.h"
#include "host/path.h"
#include "host/stager.h"
#include "job/follow.h"
#include "job/layout.h"
#include "job/step.h"
#include "job/turn.h"
#include "text/size.h"
#include "text/uri.h"

#define ATTEMPTS_MAX 3 /* of a job whose platform fails it (decisions.md) */
#define POLL_MS 5000   /* how often a backend is asked; its exit record wakes us sooner */
#define SUBMIT_S 60
#define CANCEL_S 30

/* Moves j along the table, in one transaction with its booking: taken anew when it begins to
 * prepare and to execute, given back at its end. 1, or -1. A job that somebody else moved meanwhile
 * is an error here: we hold its lease. */
static int go_locked(struct step *s, struct job *j, enum phase_event event, int64_t now,
                     const char *why, struct err *err)
{
    int rc = store_job_step(s->store, j, event, BY_WORKER, now, s->by, why, err);
    if (rc == 0)
        rc = err_set(err, CODE_TEMP, "job %s was moved on by another process", j->id);
    if (rc > 0 && phase_terminal(j->phase))
        rc = store_booking_drop(s->store, j->id, err) < 0 ? -1 : 1;
    if (rc > 0 && (event == EVENT_PREPARE || event == EVENT_EXECUTE))
        rc = turn_take(s->store, j, now / 1000, err) < 0 ? -1 : 1;
    return rc;
}

static int go(struct step *s, struct job *j, enum phase_event event, const char *why,
              struct err *err)
{
    int64_t now = clock_ms();
    if (store_begin(s->store, true, err) < 0)
        return -1;
    int to = phase_step(j->phase, event, BY_WORKER);
    if (to >= 0 && phase_terminal((enum phase)to))
        j->ended = now;
    if (go_locked(s, j, event, now, why, err) < 0) {
        store_rollback(s->store);
        return -1;
    }
    return store_commit(s->store, err) < 0 ? -1 : 1;
}

static void set_error(struct job *j, const char *reason, const char *fault, bool transient,
                      const char *message)
{
    json_object_set_new(j->doc, "error",
                        json_pack("{s:s,s:s,s:b,s:s}", "reason", reason, "fault", fault,
                                  "transient", transient, "message", message));
}

/* Inputs and scratch end with the job. They go before its end is written down: a worker that dies
 * in between does the step again, and nothing of it needs them. */
static void release_inputs(struct step *s, struct job *j)
{
    struct err ignored;
    own(str_fini) char *in = store_job_path(s->store, j->id, "in");
    own(str_fini) char *scratch = layout_attempt(s->store, j, "scratch");
    path_remove(in, &ignored);
    path_remove(scratch, &ignored);
}

/* Outputs that are stored and verified elsewhere. They go after the end is written down; what a
 * worker that dies in between leaves goes with the job's destruction, as logs and the record do. */
static void release_outputs(struct step *s, struct job *j)
{
    struct err ignored;
    own(str_fini) char *out = layout_attempt(s->store, j, "out");
    own(str_fini) char *outputs = layout_attempt(s->store, j, "outputs");
    path_remove(out, &ignored);
    path_remove(outputs, &ignored);
}

static int fail(struct step *s, struct job *j, const char *reason, const char *fault,
                bool transient, const char *message, struct err *err)
{
    set_error(j, reason, fault, transient, message);
    release_inputs(s, j);
    return go(s, j, EVENT_FAIL, message, err);
}

static void add_message(struct job *j, const char *rule, const char *text)
{
    json_t *messages = json_object_get(j->doc, "messages");
    if (!messages) {
        messages = json_array();
        json_object_set_new(j->doc, "messages", messages);
    }
    json_array_append_new(
        messages, json_pack("{s:s,s:s,s:s}", "severity", "warning", "rule", rule, "text", text));
}

static void forget_messages(struct job *j, const char *rule)
{
    json_t *messages = json_object_get(j->doc, "messages");
    for (size_t i = json_array_size(messages); i-- > 0;)
        if (str_same(json_text(json_array_get(messages, i), "rule"), rule))
            json_array_remove(messages, i);
}

static const json_t *private_of(const struct job *j)
{
    return json_object_get(j->doc, "private");
}

static bool stopping(void *context)
{
    struct step *s = context;
    return s->stop && s->stop(s->context);
}

/* PENDING: until the window opens. */
static int step_pending(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    int64_t now = clock_ms(), from = json_int(private_of(j), "from", 0) * 1000;
    if (now < from) {
        *due = from;
        return 0;
    }
    return go(s, j, EVENT_OPEN, NULL, err);
}

static int expire(struct step *s, struct job *j, struct err *err)
{
    set_error(j, "startwindow", "policy", false,
              "the start window closed before the job was started");
    return go(s, j, EVENT_EXPIRE, "the start window closed", err);
}

/* QUEUED: until it is its turn. Room is looked at in the transaction that takes it. */
static int step_queued(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    int64_t now = clock_ms(), start = -1;
    if (j->attempt == 0 && now / 1000 > json_int(private_of(j), "to", 0)) /* a retry was in time */
        return expire(s, j, err);
    if (store_begin(s->store, true, err) < 0)
        return -1;
    int rc = turn_start(s->store, j, now / 1000, &start, err);
    if (rc == 0 && start == now / 1000) {
        j->attempt++;
        rc = go_locked(s, j, EVENT_PREPARE, now, NULL, err);
    }
    if (rc <= 0) {
        store_rollback(s->store);
        *due = start < 0 || start * 1000 > now + POLL_MS ? now + POLL_MS : start * 1000;
        if (rc == 0 && s->progress)
            s->progress(s->context, j, STEP_ROOM, -1, -1);
        return rc;
    }
    return store_commit(s->store, err) < 0 ? -1 : 1;
}

struct moving {
    struct step *step;
    struct job *job;
    const char *what;
    int64_t asked; /* when the owner's wish was last looked at */
    bool wish;
};

static void on_progress(void *context, const char *id, int64_t bytes, int64_t total)
{
    struct moving *m = context;
    (void)id;
    if (m->step->progress)
        m->step->progress(m->step->context, m->job, m->what, bytes, total);
}

/* A transfer stops when we are told to go, and when the owner wants the job ended. */
static bool on_stop(void *context)
{
    struct moving *m = context;
    if (clock_boot() - m->asked > 400) {
        own(str_fini) char *wish = store_job_wished(m->step->store, m->job->id);
        m->asked = clock_boot();
        m->wish |= wish != NULL;
    }
    return m->wish || stopping(m->step);
}

/* Moves a manifest. 0 all done; 1 some failed, j's error is set; -1 stopped or broken. */
static int move_data(struct step *s, struct job *j, const char *what, json_t *lines,
                     struct stager *stager, const char *reason, struct err *err)
{
    struct moving m = {s, j, what, 0, false};
    *stager = (struct stager){.stop = on_stop, .progress = on_progress, .context = &m};
    if (stager_run(stager, lines, err) < 0)
        return -1;
    const char *id;
    const json_t *failed = stager_failure(stager, lines, &id);
    if (!failed)
        return 0;
    const json_t *error = json_object_get(failed, "error");
    own(str_fini) char *text = str_print("%s: %s", id, json_text(error, "text"));
    set_error(j, reason, "staging", json_is_true(json_object_get(error, "transient")), text);
    return 1;
}

static int executing(struct step *s, struct job *j, json_t *native, struct err *err)
{
    json_object_set_new(j->doc, "backend",
                        json_pack("{s:s,s:O}", "driver", j->driver, "native", native));
    if (!j->started)
        j->started = clock_ms();
    return go(s, j, EVENT_EXECUTE, NULL, err);
}

static int submit(struct step *s, struct job *j, json_t *line, struct err *err)
{
    own(json_fini) json_t *lines = json_pack("[O]", line);
    own(json_fini) json_t *replies = NULL;
    const json_t *config = json_object_get(private_of(j), "driver_options");
    if (driver_call(j->driver, "submit", config, lines, SUBMIT_S, &replies, err) < 0) {
        /* outcome unknown: ask before doing anything again; submit is idempotent by its stamp */
        if (err->code != CODE_PROTO ||
            driver_call(j->driver, "submit", config, lines, SUBMIT_S, &replies, err) < 0)
            return -1;
    }
    const json_t *reply = json_array_get(replies, 0);
    const json_t *error = json_object_get(reply, "error");
    if (error)
        return fail(s, j, "internal", "platform", false, json_text(error, "text"), err);
    return executing(s, j, json_object_get(reply, "native"), err);
}

/* The image's files. 0 with them, 1 when the job has failed over it, -1. */
static int prepare_image(struct step *s, struct job *j, const struct task *t, char **rootfs,
                         json_t **config, struct err *err)
{
    own(image_fini) struct image image = {0};
    struct moving m = {.step = s, .job = j};
    const struct image_place place = {
        s->store->dir, json_text(json_object_get(private_of(j), "driver_options"), "job-user"),
        on_stop, &m};
    struct err why = {0};
    if (!str_same(t->type, EXEC_TYPES "oci-container"))
        return 0;
    if (s->progress)
        s->progress(s->context, j, "image", -1, -1);
    if (image_find(json_text(t->spec, "image"), json_text(t->spec, "digest"), &image, &why) == 0 &&
        image_unpack(&image, &place, rootfs, config, &why) == 0)
        return 0;
    if (on_stop(&m)) { /* by a signal, or because the owner wants the job ended */
        *err = why;
        return -1;
    }
    bool ours = why.code == CODE_DATA || why.code == CODE_NOINPUT;
    return fail(s, j, "imagepull", ours ? "task" : "platform", !ours, why.text, err);
}

static json_t *driver_line(const struct step *s, const struct job *j)
{
    char stamp[STAMP_TEXT];
    own(str_fini) char *record = layout_attempt(s->store, j, "exit.json");
    return json_pack("[{s:s,s:O*,s:s,s:s}]", "id", j->id, "native",
                     json_object_get(json_object_get(j->doc, "backend"), "native"), "stamp",
                     job_stamp(j, stamp), "exitfile", record);
}

/* A worker may have died between handing the attempt to the driver and saying so. The driver knows:
 * 1 it has it, and the job is executing; 0 it has not; -1. */
static int adopt(struct step *s, struct job *j, struct err *err)
{
    own(str_fini) char *dir = layout_attempt(s->store, j, NULL);
    own(json_fini) json_t *lines = driver_line(s, j);
    own(json_fini) json_t *replies = NULL;
    if (!path_exists(dir))
        return 0;
    if (driver_call(j->driver, "find", NULL, lines, SUBMIT_S, &replies, err) < 0)
        return -1;
    json_t *native = json_array_get(json_object_get(json_array_get(replies, 0), "natives"), 0);
    return native ? executing(s, j, native, err) : 0;
}

/* PREPARING: inputs here, image unpacked, then handed to the driver. Done again from the start
 * when a worker died in it; what is there already costs little. */
static int step_preparing(struct step *s, struct job *j, const struct task *t, struct err *err)
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
    path_remove(in, &why); /* what a worker that died here left behind */
    rc = move_data(s, j, "inputs", lines, &stager, "stagein", err);
    if (rc < 0)
        return -1;
    if (rc > 0) {
        path_remove(in, &why);
        return go(s, j, EVENT_FAIL, json_text(json_object_get(j->doc, "error"), "message"), err);
    }
    if (layout_make(s->store, j, t, &why) < 0)
        return fail(s, j, "stagein", "platform", true, why.text, err);
    rc = prepare_image(s, j, t, &rootfs, &config, err);
    if (rc != 0)
        return rc;
    own(json_fini) json_t *line = layout_submit(s->store, j, t, rootfs, config);
    if (json_array_size(json_object_get(json_object_get(line, "exec"), "args")) == 0)
        return fail(s, j, "policy", "task", false,
                    "neither the image nor the task says what to run (command)", err);
    return submit(s, j, line, err);
}

/* Whose fault an end is. */
static const char *fault_of(const char *reason)
{
    static const char *const rows[][2] = {
        {"exit", "task"},      {"signal", "task"}, {"memlimit", "task"},
        {"timelimit", "task"}, {"killed", "user"}, {"internal", "platform"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_same(rows[i][0], reason))
            return rows[i][1];
    return NULL;
}

/* And in words, with what to do; the caller frees. */
static char *end_in_words(const struct job *j, const json_t *reply, const char *reason)
{
    int number = (int)json_int(reply, "signal", 0);
    const char *name = number ? sigabbrev_np(number) : NULL, *said = json_text(reply, "message");
    const char *limit = json_text(j->doc, "executionduration");
    const int64_t booked = room_of(json_object_get(private_of(j), "need")).memory;
    char size[SIZE_TEXT];
    if (said)
        return str_new(said);
    if (str_same(reason, "exit"))
        return str_print("the program ended with exit code %d", (int)json_int(reply, "exit", 0));
    if (str_same(reason, "signal"))
        return str_print("the program was ended by signal %d (SIG%s)", number, name ? name : "?");
    if (str_same(reason, "memlimit"))
        return str_print("the program used more memory than was booked, %s; ask for more with "
                         "minmemory",
                         size_print(json_int(private_of(j), "maxmemory", booked), size));
    if (str_same(reason, "timelimit"))
        return str_print("the program ran longer than %s; ask for more with maxduration",
                         limit ? limit : "it may");
    return str_new(str_same(reason, "killed") ? "the job was aborted"
                                              : "the platform could not run the program");
}

static void judge_end(struct job *j, const json_t *reply)
{
    const char *reason = json_text(reply, "reason"), *fault = fault_of(reason);
    own(str_fini) char *text = end_in_words(j, reply, reason);
    if (fault)
        set_error(j, reason, fault, str_same(fault, "platform"), text);
}

static void take_stream(struct job *j, const json_t *reply, const char *name)
{
    const json_t *stream = json_object_get(reply, name);
    if (!json_is_true(json_object_get(stream, "truncated")))
        return;
    own(str_fini) char *text = str_print(
        "%s was truncated after %lld bytes, %lld more were dropped", name,
        (long long)json_int(stream, "bytes", 0), (long long)json_int(stream, "dropped", 0));
    add_message(j, "output-limit", text);
}

static void take_record(struct job *j, const json_t *reply)
{
    json_t *exit = json_object();
    if (json_object_get(reply, "exit"))
        json_object_set(exit, "code", json_object_get(reply, "exit"));
    if (json_object_get(reply, "signal"))
        json_object_set(exit, "signal", json_object_get(reply, "signal"));
    if (json_object_size(exit))
        json_object_set(j->doc, "exit", exit);
    json_decref(exit);
    json_object_set_new(j->doc, "usage",
                        json_pack("{s:O*,s:O*,s:O*}", "wall", json_object_get(reply, "wall"), "cpu",
                                  json_object_get(reply, "cpu"), "maxrss",
                                  json_object_get(reply, "maxrss")));
    json_object_set_new(j->doc, "outcome", json_string(json_text(reply, "reason")));
    take_stream(j, reply, "stdout");
    take_stream(j, reply, "stderr");
    judge_end(j, reply);
}

/* The platform failed the job: again, as the next attempt, a few times. */
static int lost(struct step *s, struct job *j, const char *why, struct err *err)
{
    struct err ignored;
    own(str_fini) char *dir = layout_attempt(s->store, j, NULL);
    path_own_tree(dir, geteuid(), getegid(), &ignored); /* the supervisor could not */
    if (j->attempt >= ATTEMPTS_MAX)
        return fail(s, j, "lost", "platform", true, why, err);
    json_object_del(j->doc, "backend"); /* the next attempt is not this one */
    release_inputs(s, j);
    release_outputs(s, j);
    return go(s, j, EVENT_RETRY, why, err);
}

/* EXECUTING: the driver knows. */
static int step_executing(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    own(json_fini) json_t *lines = driver_line(s, j);
    own(json_fini) json_t *replies = NULL;
    if (s->progress)
        s->progress(s->context, j, "running", -1, -1);
    if (driver_call(j->driver, "status", NULL, lines, SUBMIT_S, &replies, err) < 0)
        return -1;
    const json_t *reply = json_array_get(replies, 0);
    const char *state = json_text(reply, "state");
    if (str_same(json_text(reply, "reason"), "internal") && j->attempt < ATTEMPTS_MAX) {
        const char *message = json_text(reply, "message");
        return lost(s, j, message ? message : "the sandbox broke down", err);
    }
    if (str_same(state, "done") || str_same(state, "failed") || str_same(state, "cancelled")) {
        take_record(j, reply);
        return go(s, j, EVENT_FINISH, json_text(reply, "reason"), err);
    }
    if (str_same(state, "lost") || str_same(state, "unknown"))
        return lost(s, j, "the supervisor is gone and left no record", err);
    *due = clock_ms() + POLL_MS;
    return 0;
}

/* A file of the job as a result: name, where it is, how large. */
static void add_own_result(struct step *s, struct job *j, json_t *results, const char *name)
{
    struct stat st;
    own(str_fini) char *path = layout_attempt(s->store, j, name);
    own(str_fini) char *url = uri_of_path(path);
    if (stat(path, &st) < 0)
        return;
    json_array_append_new(results, json_pack("{s:s,s:s,s:s,s:I}", "name", name, "type", "file",
                                             "url", url, "size", (json_int_t)st.st_size));
}

/* What could not be stored stays where it is; `execdm-stage job:ID DEST` brings it away by hand.
 * Nobody is at work in there any more; links are not followed. */
static void add_kept(json_t *results, const char *path, const char *name)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return;
    if (S_ISREG(st.st_mode)) {
        own(str_fini) char *url = uri_of_path(path);
        own(json_fini) json_t *text = json_string(name);
        if (text) /* else it is no UTF-8, and only the directory itself has it */
            json_array_append_new(results,
                                  json_pack("{s:O,s:s,s:s,s:I}", "name", text, "type", "file",
                                            "url", url, "size", (json_int_t)st.st_size));
        return;
    }
    DIR *dir = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (str_same(e->d_name, ".") || str_same(e->d_name, ".."))
            continue;
        own(str_fini) char *below = str_print("%s/%s", path, e->d_name);
        own(str_fini) char *rest = *name ? str_print("%s/%s", name, e->d_name) : str_new(e->d_name);
        add_kept(results, below, rest);
    }
    if (dir)
        closedir(dir);
}

static void collect_results(struct step *s, struct job *j, json_t *lines,
                            const struct stager *stager)
{
    json_t *results = json_array();
    size_t i, k;
    json_t *line, *file, *warning;
    json_array_foreach (lines, i, line) {
        const char *id = json_text(line, "id");
        bool single = str_same(json_text(line, "type"), "file");
        const json_t *result = json_object_get(stager->results, id);
        if (!str_same(json_text(result, "state"), "done")) {
            own(str_fini) char *kept = uri_file_path(json_text(line, "source"));
            add_kept(results, kept, single ? id : "");
            continue;
        }
        json_array_foreach (json_object_get(stager->files, id), k, file) {
            const char *name = single ? id : json_text(file, "name");
            json_array_append_new(results,
                                  json_pack("{s:s,s:s,s:s,s:O*,s:O*}", "name", name, "type", "file",
                                            "url", json_text(file, "location"), "size",
                                            json_object_get(file, "size"), "checksum",
                                            json_object_get(file, "checksum")));
        }
        json_array_foreach (json_object_get(stager->warnings, id), k, warning) {
            own(str_fini) char *text =
                str_print("%s: %s", json_text(warning, "name"), json_text(warning, "text"));
            add_message(j, "output-skipped", text);
        }
    }
    add_own_result(s, j, results, "stdout");
    add_own_result(s, j, results, "stderr");
    json_object_set_new(j->doc, "results", results);
}

static int end_job(struct step *s, struct job *j, struct err *err)
{
    const char *outcome = json_text(j->doc, "outcome");
    const char *message = json_text(json_object_get(j->doc, "error"), "message");
    if (str_same(outcome, "ok"))
        return go(s, j, EVENT_COMPLETE, NULL, err);
    if (str_same(outcome, "timelimit") || str_same(outcome, "killed"))
        return go(s, j, EVENT_ABORT, message, err);
    return go(s, j, EVENT_FAIL, message, err);
}

/* FINALIZING: results are stored and verified before anything is called complete (PRD-15). */
static int step_finalizing(struct step *s, struct job *j, const struct task *t, struct err *err)
{
    own(stager_fini) struct stager stager = {0};
    own(strs_fini) struct strs unwritten = {0};
    bool ran = !str_same(json_text(j->doc, "outcome"), "internal");
    own(json_fini) json_t *lines = ran ? layout_results(s->store, j, t, &unwritten) : json_array();
    own(json_fini) json_t *cause = json_incref(json_object_get(j->doc, "error"));
    forget_messages(j, "output-skipped"); /* said again below when this is the second time */
    for (size_t i = 0; i < unwritten.n; i++) {
        own(str_fini) char *text = str_print("%s: the program wrote nothing to it, so nothing was "
                                             "stored",
                                             unwritten.list[i]);
        add_message(j, "output-skipped", text);
    }
    int rc = move_data(s, j, "results", lines, &stager, "stageout", err);
    if (rc < 0)
        return -1;
    collect_results(s, j, lines, &stager);
    if (cause) /* the program's own end matters more than what became of its leavings */
        json_object_set(j->doc, "error", cause);
    else if (rc > 0)
        json_object_set_new(j->doc, "outcome", json_string("stageout"));
    release_inputs(s, j);
    int done = end_job(s, j, err);
    if (done > 0 && rc == 0)
        release_outputs(s, j);
    return done;
}

int step_abort(struct step *s, struct job *j, const char *why, struct err *err)
{
    if (phase_terminal(j->phase))
        return err_set(err, CODE_CONFLICT, "job %s is %s already", j->id, phase_name(j->phase));
    if (j->attempt > 0 && j->phase != PHASE_QUEUED) {
        own(json_fini) json_t *lines = driver_line(s, j);
        own(json_fini) json_t *replies = NULL;
        if (driver_call(j->driver, "cancel", NULL, lines, CANCEL_S, &replies, err) < 0)
            return -1;
        const json_t *reply = json_array_get(replies, 0);
        const json_t *error = json_object_get(reply, "error");
        if (error)
            return err_set(err, CODE_TEMP, "%s", json_text(error, "text"));
        own(json_fini) json_t *results = json_array();
        add_own_result(s, j, results, "stdout");
        add_own_result(s, j, results, "stderr");
        json_object_set(j->doc, "results", results);
        if (json_object_get(reply, "reason"))
            take_record(j, reply);
    }
    set_error(j, "killed", "user", false, why);
    release_inputs(s, j);
    return go(s, j, EVENT_ABORT, why, err) < 0 ? -1 : 0;
}

/* The task as it was accepted, for the numbers and paths in it. */
static int parse_task(const struct job *j, struct task *t, struct err *err)
{
    own(json_fini) json_t *doc =
        json_pack("{s:O,s:O}", "executable", json_object_get(j->doc, "executable"), "resources",
                  json_object_get(j->doc, "resources"));
    return task_init(t, doc, err);
}

static int step_phase(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    own(task_fini) struct task t = {0};
    switch (j->phase) {
    case PHASE_PENDING:
        return step_pending(s, j, due, err);
    case PHASE_QUEUED:
        return step_queued(s, j, due, err);
    case PHASE_PREPARING:
        return parse_task(j, &t, err) < 0 ? -1 : step_preparing(s, j, &t, err);
    case PHASE_EXECUTING:
        return step_executing(s, j, due, err);
    case PHASE_FINALIZING:
        return parse_task(j, &t, err) < 0 ? -1 : step_finalizing(s, j, &t, err);
    case PHASE_HELD:
        *due = json_int(private_of(j), "to", 0) * 1000 + 1000;
        return clock_ms() < *due ? 0 : expire(s, j, err);
    default:
        *due = clock_ms() + POLL_MS;
        return 0;
    }
}

int step_job(struct step *s, const char *id, struct job *j, int64_t *due, struct err *err)
{
    *due = 0;
    if (store_job_get(s->store, id, j, err) < 0)
        return -1;
    if (phase_terminal(j->phase))
        return 0;
    if (job_remote(j))
        return follow_step(s, j, due, err);
    if (str_same(j->wish, "abort"))
        return step_abort(s, j, "aborted by its owner", err) < 0 ? -1 : 1;
    int rc = step_phase(s, j, due, err);
    if (rc < 0 && err->code == CODE_TEMP) { /* work was broken off because of a new wish? */
        own(str_fini) char *wish = store_job_wished(s->store, id);
        if (wish)
            return 1;
    }
    return rc;
}
