#include "model/job.h"
#include "model/value.h"

void job_fini(struct job *j)
{
    free(j->name);
    free(j->owner);
    free(j->platform);
    free(j->driver);
    free(j->wish);
    json_decref(j->doc);
    *j = (struct job){0};
}

bool job_remote(const struct job *j)
{
    return str_same(j->driver, JOB_REMOTE);
}

bool job_draft(const struct job *j)
{
    return str_same(j->driver, JOB_DRAFT);
}

static int64_t time_of(const json_t *doc, const char *key, int64_t otherwise)
{
    struct when w;
    const char *text = json_text(doc, key), *why;
    return text && when_parse(text, &w, NULL, &why) == 0 ? when_to_ms(w) : otherwise;
}

static const json_t *kept_of(const struct job *j, const char *key)
{
    return json_object_get(json_object_get(j->doc, "private"), key);
}

static bool is_same(const json_t *a, const json_t *b)
{
    return a && b ? value_same(a, b) : a == b;
}

bool job_same_draft(const struct job *a, const struct job *b)
{
    static const char *const keys[] = {"task", "sealed", "uploads"};
    for (size_t i = 0; i < COUNT(keys); i++)
        if (!is_same(kept_of(a, keys[i]), kept_of(b, keys[i])))
            return false;
    return is_same(json_object_get(a->doc, "parameters"), json_object_get(b->doc, "parameters"));
}

bool job_waits_there(const struct job *j)
{
    return j->phase == PHASE_QUEUED && json_object_get(j->doc, "backend");
}

void job_seen(struct job *j, json_t *seen, int64_t now)
{
    phase_parse(json_text(seen, "phase"), &j->phase);
    j->started = time_of(seen, "started", j->started);
    j->ended = time_of(seen, "ended", phase_terminal(j->phase) && !j->ended ? now : j->ended);
    j->destruction = time_of(seen, "destruction", j->destruction);
    json_object_set(j->doc, "seen", seen);
    json_object_set_new(j->doc, "seen_at", json_integer(now));
    json_object_del(j->doc, "trouble");
}

static void set_text(json_t *doc, const char *key, const char *value)
{
    if (value)
        json_object_set_new(doc, key, json_string(value));
}

static void set_time(json_t *doc, const char *key, int64_t ms)
{
    char text[WHEN_TEXT];
    if (ms)
        set_text(doc, key, moment_print(ms, text));
}

/* UNKNOWN and ARCHIVED have no word of their own: the last one stays. */
static const char *status_of(const struct job *j, json_t *history)
{
    const char *status = phase_status(j->phase);
    for (size_t i = json_array_size(history); !status && i-- > 0;) {
        enum phase p;
        if (phase_parse(json_text(json_array_get(history, i), "phase"), &p) == 0)
            status = phase_status(p);
    }
    return status;
}

json_t *job_document(const struct job *j, json_t *history, const char *waiting_for)
{
    static const char *const carried[] = {
        "runid",      "offer",     "executionduration",
        "quote",      "url",       "parameters",
        "executable", "resources", "datetime",
        "advisory",   "attempt",   "backend",
        "exit",       "usage",     "error",
        "messages",   "results",   "triggers",
        "callouts",
    };
    json_t *doc = json_object();
    set_text(doc, "id", j->id);
    set_text(doc, "name", j->name);
    set_text(doc, "owner", j->owner);
    set_text(doc, "phase", phase_name(j->phase));
    set_text(doc, "status", status_of(j, history));
    set_text(doc, "waiting_for", waiting_for);
    set_text(doc, "platform", job_draft(j) ? NULL : j->platform);
    set_time(doc, "created", j->created);
    set_time(doc, "started", j->started);
    set_time(doc, "ended", j->ended);
    set_time(doc, "destruction", j->destruction);
    for (size_t i = 0; i < COUNT(carried); i++) {
        json_t *v = json_object_get(j->doc, carried[i]);
        if (str_same(carried[i], "attempt"))
            json_object_set_new(doc, "attempt", json_integer(j->attempt));
        else if (v)
            json_object_set(doc, carried[i], v);
    }
    if (history)
        json_object_set(doc, "history", history);
    return doc;
}

char *job_stamp(const struct job *j, char text[STAMP_TEXT])
{
    snprintf(text, STAMP_TEXT, "execdm-%s-%d", j->id, j->attempt);
    return text;
}
