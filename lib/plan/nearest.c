#include "plan/nearest.h"
#include "text/buf.h"
#include "text/pointer.h"
#include "text/write.h"

#define ROUNDS 64 /* one flavor, extra or limit after another shows itself */

/* A request on its way to a YES. */
struct relaxing {
    json_t *task;
    json_t *touched; /* pointer -> true */
    char *freed;     /* the start that was left open, or NULL: its pointer */
};

static void relaxing_fini(struct relaxing *r)
{
    json_decref(r->task);
    json_decref(r->touched);
    free(r->freed);
}

static void touch(struct relaxing *r, const char *pointer)
{
    json_object_set_new(r->touched, pointer, json_true());
}

/* Sets or, with NULL, removes what stands at a pointer. False: its parent is not there. */
static bool put(struct relaxing *r, const char *pointer, json_t *value)
{
    const char *last = strrchr(pointer, '/');
    own(str_fini) char *parent = str_print("%.*s", (int)(last - pointer), pointer);
    own(buf_fini) struct buf key = {0};
    json_t *object = pointer_find(r->task, parent);
    if (!json_is_object(object) || !pointer_token(&last, &key))
        return false;
    if (value)
        json_object_set(object, key.bytes, value);
    else
        json_object_del(object, key.bytes);
    touch(r, pointer);
    return true;
}

/* What was asked for becomes what there is. */
static bool relax_value(struct relaxing *r, const struct finding *f)
{
    return f->available && put(r, f->pointer, f->available);
}

/* A storage may name its size in two ways. */
static bool relax_size(struct relaxing *r, const struct finding *f)
{
    static const char *const keys[] = {"minsize", "size"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        own(str_fini) char *at = str_print("%s/spec/%s", f->pointer, keys[i]);
        if (pointer_find(r->task, at))
            return f->available && put(r, at, f->available);
    }
    return false;
}

/* An image may be named by the digest it has now; another image is another task. */
static bool relax_digest(struct relaxing *r, const struct finding *f)
{
    return str_same(pointer_last(f->pointer), "digest") && relax_value(r, f);
}

/* An extra that is not there is done without: the pointer is that of an item, or of a key in its
 * spec, which can be lowered. */
static bool relax_extra(struct relaxing *r, const struct finding *f)
{
    own(str_fini) char *list = str_new(f->pointer);
    char *slash = strrchr(list, '/');
    if (!strstr(f->pointer, "/extras/"))
        return false;
    if (strstr(strstr(f->pointer, "/extras/"), "/spec/"))
        return relax_value(r, f);
    *slash = '\0';
    json_t *extras = pointer_find(r->task, list);
    if (json_array_remove(extras, strtoul(slash + 1, NULL, 10)) < 0)
        return false;
    touch(r, list);
    return true;
}

/* A task without periods gets one to say something in. */
static bool relax_length(struct relaxing *r, const struct finding *f)
{
    const char *period = *f->pointer ? f->pointer : "/datetime/0";
    if (!*f->pointer)
        json_object_set_new(r->task, "datetime", json_pack("[{}]"));
    own(str_fini) char *min = str_print("%s/minduration", period);
    own(str_fini) char *max = str_print("%s/maxduration", period);
    return put(r, pointer_find(r->task, min) ? min : max, f->available);
}

/* What is left of a quota will do, if there is any. */
static bool relax_quota(struct relaxing *r, const struct finding *f)
{
    return strstr(f->pointer, "/spec/") && json_number_value(f->available) > 0 && relax_value(r, f);
}

/* Too long a run is shortened; otherwise it may start at any time. */
static bool relax_time(struct relaxing *r, const struct finding *f)
{
    const char *asked = json_string_value(f->asked);
    own(str_fini) char *start = str_print("%s/start", f->pointer);
    if (asked && *asked == 'P')
        return f->available && relax_length(r, f);
    if (r->freed || !pointer_find(r->task, start))
        return false;
    r->freed = str_new(start);
    return put(r, start, NULL);
}

static const struct {
    const char *rule;
    bool (*relax)(struct relaxing *r, const struct finding *f);
    bool once; /* in one round: the first of them is enough, or moves the others */
} ways[] = {
    {"cores", relax_value, false},         {"memory", relax_value, false},
    {"storage-size", relax_size, false},   {"storage-lifetime", relax_value, false},
    {"image-policy", relax_digest, false}, {"extra", relax_extra, true},
    {"unknown-extra", relax_extra, true},  {"no-slot", relax_time, true},
    {"closed", relax_time, true},          {"quota", relax_quota, false},
};

/* One round. False when something cannot be helped by asking for less. */
static bool relax(struct relaxing *r, const struct findings *findings)
{
    bool (*done)(struct relaxing *, const struct finding *) = NULL;
    bool any = false;
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->list[i];
        size_t k = 0;
        if (f->severity != FINDING_ERROR)
            continue;
        while (k < COUNT(ways) && !str_same(ways[k].rule, f->rule))
            k++;
        if (k == COUNT(ways))
            return false;
        if (ways[k].once && done == ways[k].relax)
            continue;
        if (!ways[k].relax(r, f))
            return false;
        if (ways[k].once)
            done = ways[k].relax;
        any = true;
    }
    return any;
}

/* The start that was left open is the one that was found, and that must be YES itself. */
static bool settle_start(struct relaxing *r, const struct window *start, nearest_ask *ask,
                         void *context)
{
    own(findings_fini) struct findings ignored = {0};
    struct window again;
    char text[WINDOW_TEXT];
    if (!r->freed)
        return true;
    own(json_fini) json_t *found = json_string(window_print(*start, text));
    return put(r, r->freed, found) && ask(context, r->task, &ignored, &again);
}

/* "mincores 8 instead of 16", for every place that was changed. */
static char *words(json_t *before, json_t *changes)
{
    struct buf b = {0};
    const char *pointer;
    json_t *value;
    buf_str(&b, "");
    json_object_foreach (changes, pointer, value) {
        json_t *was = pointer_find(before, pointer);
        const char *unit = strstr(pointer, "memory") || strstr(pointer, "size") ? " GiB" : "";
        buf_print(&b, "%s%s ", b.len ? ", " : "", pointer_last(pointer));
        if (json_is_array(value))
            buf_print(&b, "with %zu instead of %zu", json_array_size(value), json_array_size(was));
        else if (json_is_string(value))
            buf_str(&b, json_string_value(value));
        else {
            own(str_fini) char *text = write_string(value);
            buf_print(&b, "%s%s", text, unit);
        }
        if (was && !json_is_array(was)) {
            own(str_fini) char *text = write_string(was);
            buf_print(&b, " instead of %s%s", json_is_string(was) ? json_string_value(was) : text,
                      json_is_number(was) ? unit : "");
        }
    }
    return buf_take(&b);
}

json_t *nearest_find(json_t *task, const struct findings *findings, nearest_ask *ask, void *context,
                     char **text)
{
    own(relaxing_fini) struct relaxing r = {.task = json_deep_copy(task), .touched = json_object()};
    own(findings_fini) struct findings now = {0};
    struct window start = {0};
    bool yes = false;
    for (int round = 0; round < ROUNDS && !yes; round++) {
        if (!relax(&r, round ? &now : findings))
            return NULL;
        findings_fini(&now);
        yes = ask(context, r.task, &now, &start);
    }
    if (!yes || !settle_start(&r, &start, ask, context))
        return NULL;
    json_t *changes = json_object(), *ignored;
    const char *pointer;
    json_object_foreach (r.touched, pointer, ignored) {
        json_t *value = pointer_find(r.task, pointer);
        json_object_set_new(changes, pointer, value ? json_deep_copy(value) : json_null());
    }
    *text = words(task, changes);
    return changes;
}
