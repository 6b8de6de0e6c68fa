#include "host/clock.h"
#include "host/driver.h"
#include "host/path.h"
#include "job/layout.h"
#include "job/parts.h"
#include "text/size.h"

#define ATTEMPTS_MAX 3 /* of a job whose platform fails it (decisions.md) */
#define STATUS_S 60

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
    const int64_t booked = room_of(json_object_get(act_private(j), "need")).memory;
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
                         size_print(json_int(act_private(j), "maxmemory", booked), size));
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
        act_error(j, reason, fault, str_same(fault, "platform"), text);
}

static void take_stream(struct job *j, const json_t *reply, const char *name)
{
    const json_t *stream = json_object_get(reply, name);
    if (!json_is_true(json_object_get(stream, "truncated")))
        return;
    own(str_fini) char *text = str_print(
        "%s was truncated after %lld bytes, %lld more were dropped", name,
        (long long)json_int(stream, "bytes", 0), (long long)json_int(stream, "dropped", 0));
    act_message(j, "output-limit", text);
}

void part_record(struct job *j, const json_t *reply)
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
        return act_fail(s, j, "lost", "platform", true, why, err);
    json_object_del(j->doc, "backend"); /* the next attempt is not this one */
    act_release_inputs(s, j);
    act_release_outputs(s, j);
    return act_go(s, j, EVENT_RETRY, why, err);
}

int part_execute(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    own(json_fini) json_t *lines = act_driver_line(s, j);
    own(json_fini) json_t *replies = NULL;
    if (s->progress)
        s->progress(s->context, j, "running", -1, -1);
    if (driver_call(j->driver, "status", NULL, lines, STATUS_S, &replies, err) < 0)
        return -1;
    const json_t *reply = json_array_get(replies, 0);
    const char *state = json_text(reply, "state");
    if (str_same(json_text(reply, "reason"), "internal") && j->attempt < ATTEMPTS_MAX) {
        const char *message = json_text(reply, "message");
        return lost(s, j, message ? message : "the sandbox broke down", err);
    }
    if (str_same(state, "done") || str_same(state, "failed") || str_same(state, "cancelled")) {
        part_record(j, reply);
        return act_go(s, j, EVENT_FINISH, json_text(reply, "reason"), err);
    }
    if (str_same(state, "lost") || str_same(state, "unknown"))
        return lost(s, j, "the supervisor is gone and left no record", err);
    /* by the backend itself, or by an owner whose program died before it said so */
    if (str_same(state, "suspended") && j->phase == PHASE_EXECUTING)
        return act_go(s, j, EVENT_SUSPEND, "the backend has suspended it", err);
    if (str_same(state, "running") && j->phase == PHASE_SUSPENDED)
        return act_go(s, j, EVENT_RESUME, "the backend has resumed it", err);
    *due = clock_ms() + POLL_MS;
    return 0;
}
