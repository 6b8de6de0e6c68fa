#include <fcntl.h>
#include <sys/stat.h>
#include "host/clock.h"
#include "host/path.h"
#include "host/stager.h"
#include "plan/locations.h"
#include "plan/signals.h"
#include "plan/upload.h"
#include "text/pointer.h"
#include "text/uri.h"
#include "text/write.h"

#define CACHE_NAME "locations.json"
#define KEPT_MS 60000   /* how long a place that was reached counts as reached */
#define FAILED_MS 10000 /* and one that was not as not: people mend things */
#define ENTRIES_MAX 1000
#define CACHE_BYTES (4 * 1024 * 1024)

void locations_fini(struct locations *l)
{
    json_decref(l->lines);
    json_decref(l->results);
    *l = (struct locations){0};
}

/* A file that came with the task is looked at where it is kept. */
static void add_line(struct locations *l, const struct store *store, const struct policy *policy,
                     const char *id, const char *location, const char *mode, const char *type)
{
    own(str_fini) char *path = upload_path(store, policy->uploads, location);
    own(str_fini) char *url = path ? uri_of_path(path) : str_new(location);
    json_t *line = json_pack("{s:s,s:s,s:s,s:s,s:s*}", "id", id, "source", url, "direction",
                             "check", "mode", mode, "type", type);
    if (policy_public(policy))
        json_object_set_new(line, "public", json_true());
    json_array_append_new(l->lines, line);
}

static void add_lines(struct locations *l, const struct task *t, const struct store *store,
                      const struct policy *policy)
{
    l->lines = json_array();
    for (size_t i = 0; i < t->nstorage; i++) {
        const struct storage *s = &t->storage[i];
        own(str_fini) char *pointer = str_print("/resources/storage/%zu", i);
        if (s->location)
            add_line(l, store, policy, pointer, s->location, s->used_for_write ? "rw" : "r",
                     storage_kind(s));
    }
    const char *program = json_text(t->spec, "program");
    if (str_same(t->type, EXEC_TYPES "python-program") && program)
        add_line(l, store, policy, "/executable/spec/program", program, "r", NULL);
}

/* --- what other processes found just now: {key: {"until": ms, "result": {...}}} --- */

/* A file costs nothing to look at, and who has just made it wants to be believed. A URL with a
 * secret in it is not written down. */
static char *key_of(const json_t *line, const char *identity)
{
    const char *source = json_text(line, "source"), *type = json_text(line, "type");
    own(str_fini) char *scheme = uri_scheme(source);
    own(str_fini) char *shown = uri_shown(source);
    if (str_same(scheme, "file") || !str_same(shown, source))
        return NULL;
    return str_print("%s\n%s\n%s\n%s%s", identity, json_text(line, "mode"), type ? type : "",
                     json_object_get(line, "public") ? "public " : "", source);
}

/* A new reference. What is damaged is as if it were not there. */
static json_t *cache_read(const char *path)
{
    struct stat st;
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    json_t *cache = fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= CACHE_BYTES
                        ? json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL)
                        : NULL;
    if (json_is_object(cache))
        return cache;
    json_decref(cache);
    return json_object();
}

/* Is it of now? One further ahead than any may be was written by another clock. */
static bool is_fresh(const json_t *entry, int64_t now)
{
    int64_t left = json_int(entry, "until", 0) - now;
    return left > 0 && left <= KEPT_MS && json_text(json_object_get(entry, "result"), "state");
}

static bool is_done(const json_t *result)
{
    return str_same(json_text(result, "state"), "done");
}

/* Adds what was just tried. Two that write at once lose one another's news, no more. */
static void cache_write(const char *path, json_t *lines, json_t *results, const char *identity)
{
    const int64_t now = clock_ms();
    own(json_fini) json_t *old = cache_read(path);
    own(json_fini) json_t *cache = json_object();
    own(buf_fini) struct buf text = {0};
    struct err ignored = {0};
    const char *key;
    json_t *entry, *line;
    size_t i;
    json_array_foreach (lines, i, line) {
        json_t *result = json_object_get(results, json_text(line, "id"));
        own(str_fini) char *name = key_of(line, identity);
        if (name && json_object_size(cache) < ENTRIES_MAX)
            json_object_set_new(
                cache, name,
                json_pack("{s:I,s:O}", "until",
                          (json_int_t)(now + (is_done(result) ? KEPT_MS : FAILED_MS)), "result",
                          result));
    }
    if (json_object_size(cache) == 0)
        return;
    json_object_foreach (old, key, entry)
        if (is_fresh(entry, now) && json_object_size(cache) < ENTRIES_MAX &&
            !json_object_get(cache, key))
            json_object_set(cache, key, entry);
    write_json(&text, cache, 0);
    path_write(path, text.bytes, text.len, 0600, &ignored); /* it is only a cache */
}

/* --- trying --- */

static int try_lines(struct locations *l, const struct store *store, const char *identity)
{
    own(str_fini) char *path = str_print("%s/%s", store->dir, CACHE_NAME);
    own(json_fini) json_t *cache = cache_read(path);
    own(json_fini) json_t *results = json_object();
    own(json_fini) json_t *rest = json_array();
    own(stager_fini) struct stager s = {.identity = identity};
    size_t i;
    json_t *line;
    json_array_foreach (l->lines, i, line) {
        own(str_fini) char *key = key_of(line, identity);
        const json_t *entry = key ? json_object_get(cache, key) : NULL;
        if (is_fresh(entry, clock_ms()))
            json_object_set(results, json_text(line, "id"), json_object_get(entry, "result"));
        else
            json_array_append(rest, line);
    }
    if (stager_run(&s, rest, &l->err) < 0)
        return -1;
    json_object_update(results, s.results);
    cache_write(path, rest, results, identity);
    l->results = move(results);
    return 0;
}

/* Is the storage with this pointer mounted at the working directory itself? */
static bool is_outputs(const struct task *t, const char *pointer)
{
    for (size_t i = 0; i < t->nvolumes; i++) {
        own(str_fini) char *storage = str_print("/resources/storage/%zu", t->volumes[i].storage);
        if (str_same(t->volumes[i].path, "/outputs") && str_same(storage, pointer))
            return true;
    }
    return false;
}

/* Does it name one file: by its own words, or because it is there? */
static bool is_file(const json_t *line)
{
    struct stat st;
    const char *type = json_text(line, "type");
    own(str_fini) char *path = uri_file_path(json_text(line, "source"));
    return type ? str_same(type, "file") : path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* "scratch: " of a storage, as people named it. */
static char *name_of(const struct task *t, const char *pointer)
{
    const char *name = json_text(pointer_find(t->doc, pointer), "name");
    return name ? str_print("%s: ", name) : str_new("");
}

/* What the task says, and not where a file that came with it is kept. */
static const char *name_shown(const struct task *t, const char *pointer, const json_t *line)
{
    const json_t *spec = json_object_get(pointer_find(t->doc, pointer), "spec");
    const char *location = json_text(spec, "location");
    return location ? location : json_text(line, "source");
}

/* A bucket that is made for the job need not be there; what is elsewhere made shows itself by what
 * it lies in. What a job reads that waits for a trigger may be what an earlier step has yet to
 * write (Planner 2.5.3); it is staged after the call. */
static bool comes_to_be(const struct task *t, const char *pointer, const json_t *result)
{
    const char *reason = json_text(json_object_get(result, "error"), "reason");
    for (size_t i = 0; i < t->nstorage; i++) {
        const struct storage *s = &t->storage[i];
        own(str_fini) char *storage = str_print("/resources/storage/%zu", i);
        if (str_same(storage, pointer) && !s->used_for_write && signals_wait(t))
            return str_same(reason, "notfound");
        if (!str_same(storage, pointer) || !s->managed || !str_begins(s->location, "s3://"))
            continue;
        const char *key = s->location + 5 + strcspn(s->location + 5, "/?#");
        return str_same(reason, "notfound") && (*key != '/' || !key[1] || key[1] == '?');
    }
    return false;
}

static bool is_forbidden(const json_t *result)
{
    const json_t *error = json_object_get(result, "error");
    return str_same(json_text(error, "reason"), "forbidden");
}

static void judge(const struct locations *l, const struct task *task, const json_t *line,
                  struct findings *findings)
{
    const char *id = json_text(line, "id");
    const json_t *result = json_object_get(l->results, id);
    own(str_fini) char *shown = uri_shown(json_text(line, "source"));
    own(str_fini) char *name = name_of(task, id);
    if (is_outputs(task, id) && is_file(line))
        finding_add(findings, FINDING_ERROR, "file-at-outputs", id,
                    "/outputs is the working directory, and %s is a file; mount it below /outputs",
                    name_shown(task, id, line));
    if (!is_done(result) && !comes_to_be(task, id, result))
        finding_amounts(finding_add(findings, FINDING_ERROR,
                                    is_forbidden(result) ? "location-policy" : "unreachable", id,
                                    "%s%s (Planner 2.2.3)", name,
                                    json_text(json_object_get(result, "error"), "text")),
                        json_string(shown), NULL);
}

bool locations_reach(struct locations *l, const struct task *task, const struct store *store,
                     const struct policy *policy, struct findings *findings)
{
    size_t before = findings->errors, i;
    json_t *line;
    if (!l->lines) {
        add_lines(l, task, store, policy);
        if (json_array_size(l->lines) > 0)
            try_lines(l, store, policy->who.name);
    }
    if (json_array_size(l->lines) > 0 && !l->results)
        finding_add(findings, FINDING_ERROR, "staging", "/resources/storage", "%s", l->err.text);
    json_array_foreach (l->lines, i, line)
        if (l->results)
            judge(l, task, line, findings);
    return findings->errors == before;
}
