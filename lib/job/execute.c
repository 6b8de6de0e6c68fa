#include "host/clock.h"
#include "host/driver.h"
#include "host/path.h"
#include "job/layout.h"
#include "job/parts.h"
#include "job/turn.h"
#include "text/size.h"

#define ATTEMPTS_MAX 3 /* of a job whose platform fails it (decisions.md) */

/* Whose fault an end is. */
static const char *fault_of(const char *reason)
{
    static const char *const rows[][2] = {
        {"exit", "task"},          {"signal", "task"},    {"memlimit", "task"},
        {"timelimit", "task"},     {"killed", "user"},    {"internal", "platform"},
        {"startwindow", "policy"}, {"disklimit", "task"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_same(rows[i][0], reason))
            return rows[i][1];
    return str_same(reason, "ok") ? NULL : "platform"; /* what nobody here knows, or no reason */
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
    if (str_same(reason, "disklimit"))
        return str_new("the program wrote more than it may; ask for more with the size of its "
                       "storage, or find a platform that allows more");
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
        act_error(j, reason ? reason : "internal", fault, str_same(fault, "platform"), text);
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

/* The supervisor's word, where there was one: nobody may have looked while it ran. */
static void take_start(struct job *j, const json_t *reply)
{
    const char *start = json_text(reply, "start"), *why;
    struct when w;
    if (start && !j->started && when_parse(start, &w, NULL, &why) == 0)
        j->started = when_to_ms(w);
}

void part_record(struct job *j, const json_t *reply)
{
    json_t *exit = json_object();
    take_start(j, reply);
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

/* A new reference: what is known of the attempt, from who asked for many at once, or asked now. */
static json_t *attempt_status(struct step *s, struct job *j, struct err *err)
{
    own(json_fini) json_t *lines = act_driver_line(s, j);
    own(json_fini) json_t *replies = NULL;
    if (s->told && s->told_attempt == j->attempt)
        return json_incref((json_t *)s->told);
    if (act_driver(j, "status", lines, STATUS_S, &replies, err) < 0)
        return NULL;
    return json_incref(json_array_get(replies, 0));
}

static bool is_at_end(const json_t *reply)
{
    static const char *const states[] = {"done", "failed", "cancelled", "lost", "unknown"};
    const char *state = json_text(reply, "state");
    for (size_t i = 0; i < COUNT(states); i++)
        if (str_same(states[i], state))
            return true;
    return false;
}

/* What the backend has done by itself, or an owner whose program died before it said so. */
static const struct news {
    enum phase phase;
    const char *state; /* NULL: any but PART_SILENT */
    enum phase_event event;
    const char *why;
} all_news[] = {
    {PHASE_QUEUED, "running", EVENT_EXECUTE, NULL},
    {PHASE_QUEUED, "suspended", EVENT_EXECUTE, NULL},
    {PHASE_QUEUED, PART_SILENT, EVENT_LOSE, NULL},
    {PHASE_EXECUTING, "queued", EVENT_SUBMIT, "it waits in its backend's queue again"},
    {PHASE_EXECUTING, "held", EVENT_SUBMIT, "it is held in its backend's queue"},
    {PHASE_EXECUTING, "suspended", EVENT_SUSPEND, "the backend has suspended it"},
    {PHASE_SUSPENDED, "running", EVENT_RESUME, "the backend has resumed it"},
    {PHASE_EXECUTING, PART_SILENT, EVENT_LOSE, NULL},
    {PHASE_SUSPENDED, PART_SILENT, EVENT_LOSE, NULL},
    {PHASE_UNKNOWN, "queued", EVENT_SUBMIT, "its backend answers again"},
    {PHASE_UNKNOWN, "held", EVENT_SUBMIT, "its backend answers again"},
    {PHASE_UNKNOWN, NULL, EVENT_FIND, "its backend answers again"},
};

static const struct news *news_of(const json_t *reply, enum phase phase)
{
    const char *state = json_text(reply, "state");
    for (size_t i = 0; i < COUNT(all_news); i++) {
        const struct news *n = &all_news[i];
        if (n->phase == phase &&
            (n->state ? str_same(n->state, state) : !str_same(state, PART_SILENT)))
            return n;
    }
    return NULL;
}

bool part_is_news(const json_t *reply, enum phase phase)
{
    return is_at_end(reply) || json_object_get(reply, "error") || news_of(reply, phase);
}

/* Its backend does not know it by its name: perhaps by its stamp. Only when it says for certain
 * that there is none is it lost; a second one beside it would be worse (driver.md, "Recovery"). */
static int look_for(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    own(json_fini) json_t *lines = act_driver_line(s, j);
    own(json_fini) json_t *replies = NULL;
    if (act_driver(j, "find", lines, STATUS_S, &replies, err) < 0)
        return -1;
    const json_t *reply = json_array_get(replies, 0);
    json_t *native = json_array_get(json_object_get(reply, "natives"), 0);
    if (!native && json_is_true(json_object_get(reply, "complete")))
        return lost(s, j, "its backend knows nothing of it any more", err);
    *due = clock_ms() + POLL_MS;
    if (!native)
        return j->phase == PHASE_UNKNOWN
                   ? 0
                   : act_go(s, j, EVENT_LOSE, "its backend cannot tell whether it has it", err);
    json_object_set(json_object_get(j->doc, "backend"), "native", native);
    const enum phase_event event = turn_is_theirs(j) ? EVENT_SUBMIT : EVENT_FIND;
    return j->phase == PHASE_UNKNOWN ? act_go(s, j, event, "its backend has found it", err) : 0;
}

/* Did it end in its backend's queue? Then nothing was written that could be stored. */
static bool never_ran(const struct job *j, const json_t *reply)
{
    const char *reason = json_text(reply, "reason");
    return !j->started && (str_same(reason, "startwindow") || str_same(reason, "killed"));
}

int part_execute(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    if (s->progress)
        s->progress(s->context, j, j->phase == PHASE_QUEUED ? STEP_ROOM : "running", -1, -1);
    own(json_fini) json_t *reply = attempt_status(s, j, err);
    if (!reply)
        return -1;
    const json_t *error = json_object_get(reply, "error");
    const char *state = json_text(reply, "state");
    if (error)
        return err_set(err, CODE_TEMP, "driver %s: %s", j->driver, json_text(error, "text"));
    if (str_same(json_text(reply, "reason"), "internal") && j->attempt < ATTEMPTS_MAX) {
        const char *message = json_text(reply, "message");
        return lost(s, j, message ? message : "the sandbox broke down", err);
    }
    if (str_same(state, "lost")) {
        const char *message = json_text(reply, "message");
        return lost(s, j, message ? message : "the supervisor is gone and left no record", err);
    }
    if (str_same(state, "unknown"))
        return look_for(s, j, due, err);
    if (is_at_end(reply)) {
        part_record(j, reply);
        if (!never_ran(j, reply))
            return act_go(s, j, EVENT_FINISH, json_text(reply, "reason"), err);
        act_release_inputs(s, j);
        return act_go(s, j, EVENT_ABORT, act_reason(j), err);
    }
    const struct news *news = news_of(reply, j->phase);
    if (news)
        return act_go(s, j, news->event, news->why ? news->why : json_text(reply, "message"), err);
    *due = clock_ms() + POLL_MS;
    return 0;
}
