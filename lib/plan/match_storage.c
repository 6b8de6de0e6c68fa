/* Storage: its type, how large it may be, and how long it is kept (Planner 2.2.3). */
#include <sys/statvfs.h>
#include "model/load.h"
#include "plan/matching.h"
#include "text/size.h"

static const struct {
    const char *type;
    bool outside; /* its room is not ours to give: it must say where it is */
} known_storage[] = {
    {STORAGE_TYPES "ephemeral-storage", false}, {STORAGE_TYPES "file-storage", false},
    {STORAGE_TYPES "http-storage", false},      {STORAGE_TYPES "amazon-s3", true},
    {STORAGE_TYPES "vospace-storage", true},    {STORAGE_TYPES "rucio-storage", true},
};

/* What the platform lists and this program can stage. */
static bool storage_offered(const struct platform *p, const char *type)
{
    if (p->storage && !platform_row(p->storage, type))
        return false;
    for (size_t i = 0; i < COUNT(known_storage); i++)
        if (str_same(known_storage[i].type, type))
            return true;
    return false;
}

static bool is_outside(const struct storage *s)
{
    for (size_t i = 0; i < COUNT(known_storage); i++)
        if (str_same(known_storage[i].type, s->type))
            return known_storage[i].outside;
    return false;
}

/* The most of a type one task may have, or -1. */
static int64_t largest(const struct platform *p, const char *type)
{
    const json_t *v = json_object_get(platform_row(p->storage, type), "maxsize");
    const char *why;
    int64_t most;
    return v && size_parse(v, false, &most, &why) == 0 ? most : -1;
}

static void refuse_size(struct matching *m, const struct storage *s, const char *pointer,
                        int64_t there, const char *before, const char *after)
{
    char asked[SIZE_TEXT], most[SIZE_TEXT];
    finding_amounts(
        match_refuse(m, "storage-size", pointer, "%s: %s are asked for, %s%s%s (Planner 2.2.3)",
                     s->name, size_print(s->size, asked), before, size_print(there, most), after),
        size_json(s->size), size_json(there));
}

static void match_size(struct matching *m, const struct storage *s, const char *pointer)
{
    struct statvfs fs;
    const int64_t most = largest(m->platform, s->type);
    if (most >= 0 && s->size > most)
        refuse_size(m, s, pointer, most, "a task may have ", "");
    if (s->location || statvfs(m->store->dir, &fs) < 0)
        return;
    const int64_t available = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    if (s->size > available)
        refuse_size(m, s, pointer, available, "", " are free");
}

/* Which of both is the longer, as durations of no particular day. */
static bool longer(const char *a, const char *b)
{
    struct duration x, y;
    const char *why;
    return a && b && duration_parse(a, &x, NULL, &why) == 0 &&
           duration_parse(b, &y, NULL, &why) == 0 &&
           duration_seconds(x, (struct when){0}) > duration_seconds(y, (struct when){0});
}

static void match_lifetime(struct matching *m, const struct storage *s, const char *pointer)
{
    const json_t *row = platform_row(m->platform->storage, s->type);
    const char *who = json_text(s->spec, "lifecycle"), *here = json_text(row, "lifecycle");
    const char *asked = json_text(s->spec, "minlifetime"), *most = json_text(row, "maxlifetime");
    if (who && here && !str_same(who, here)) {
        own(str_fini) char *at = str_print("%s/spec/lifecycle", pointer);
        finding_amounts(match_refuse(m, "storage-lifetime", at,
                                     "%s: %s is asked for, here it is %s (Planner 2.2.3)", s->name,
                                     who, here),
                        json_string(who), json_string(here));
    }
    if (str_same(who, "managed") && is_outside(s)) {
        own(str_fini) char *at = str_print("%s/spec/lifecycle", pointer);
        finding_hint(match_refuse(m, "storage-lifetime", at,
                                  "%s: a place elsewhere is neither made nor deleted here, only "
                                  "used (Planner 2.2.3)",
                                  s->name),
                     "make it, and say lifecycle: unmanaged");
    }
    if (longer(asked, most)) {
        own(str_fini) char *at = str_print("%s/spec/minlifetime", pointer);
        finding_amounts(match_refuse(m, "storage-lifetime", at,
                                     "%s: it is to be kept for %s, here that is %s at most "
                                     "(Planner 2.2.3)",
                                     s->name, asked, most),
                        json_string(asked), json_string(most));
    }
}

void match_storage(struct matching *m)
{
    for (size_t i = 0; i < m->task->nstorage; i++) {
        const struct storage *s = &m->task->storage[i];
        own(str_fini) char *pointer = str_print("/resources/storage/%zu", i);
        if (storage_offered(m->platform, s->type) && is_outside(s) && !s->location) {
            match_refuse(m, "unknown-storage", pointer,
                         "%s: no room of type %s is given here, only one is used that names its "
                         "place (Planner 2.2.3)",
                         s->name, type_short(s->type));
            continue;
        }
        if (storage_offered(m->platform, s->type)) {
            match_size(m, s, pointer);
            match_lifetime(m, s, pointer);
            continue;
        }
        finding_amounts(match_refuse(m, "unknown-storage", pointer,
                                     "%s: there is no storage of type %s (Planner 2.2.3)", s->name,
                                     type_short(s->type)),
                        s->type ? json_string(s->type) : NULL,
                        m->platform->storage ? match_types(m->platform->storage) : NULL);
    }
}

json_t *match_storage_spec(const struct storage *s, const struct platform *platform)
{
    json_t *spec = s->spec ? json_deep_copy(s->spec) : json_object();
    const json_t *row = platform_row(platform->storage, s->type);
    const json_t *maxsize = json_object_get(spec, "maxsize");
    const char *kept = json_text(row, "maxlifetime"), *asked = json_text(spec, "maxlifetime");
    const int64_t most = largest(platform, s->type);
    const char *why;
    int64_t bytes;
    /* a size that was named is that size */
    if (most >= 0 && !json_object_get(spec, "size") &&
        (!maxsize || (size_parse(maxsize, false, &bytes, &why) == 0 && bytes > most)))
        json_object_set_new(spec, "maxsize", size_json(most));
    if (kept && str_same(json_text(spec, "lifecycle"), "managed") &&
        (!asked || longer(asked, kept)))
        json_object_set_new(spec, "maxlifetime", json_string(kept));
    return spec;
}
