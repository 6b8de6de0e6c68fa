/* Storage: its type, how large it may be, and how long it is kept (Planner 2.2.3). */
#include <sys/statvfs.h>
#include "model/load.h"
#include "plan/matching.h"
#include "text/size.h"
#include "text/uri.h"

static const struct {
    const char *type;
    bool outside; /* its room is not ours to give: it must say where it is */
} known_storage[] = {
    {STORAGE_TYPES "ephemeral-storage", false},  {STORAGE_TYPES "file-storage", false},
    {STORAGE_TYPES "http-storage", false},       {STORAGE_TYPES "amazon-s3", true},
    {STORAGE_TYPES "vospace-storage", true},     {STORAGE_TYPES "rucio-storage", true},
    {STORAGE_TYPES "persistent-storage", false},
};

/* How long what is managed is kept when nobody says otherwise; as results are. */
#define KEPT "P30D"

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

/* Below which the places of a platform are: as it declares, or in the state directory. The caller
 * frees. */
static char *base_of(const struct platform *p, const char *type, const char *state)
{
    const char *declared = json_text(platform_row(p->storage, type), "location");
    own(str_fini) char *dir = str_print("%s/storage", state);
    return declared ? str_new(declared) : uri_of_path(dir);
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

/* The directory whose room a storage takes: of its place, as far as that is there. NULL: its room
 * is not of this machine. The caller frees. */
static char *room_of_storage(const struct matching *m, const struct storage *s)
{
    if (!storage_placed(s))
        return s->location ? NULL : str_new(m->store->dir);
    own(str_fini) char *base = base_of(m->platform, s->type, m->store->dir);
    char *path = uri_file_path(base);
    for (char *slash; path && access(path, F_OK) < 0 && (slash = strrchr(path, '/')) > path;)
        *slash = '\0';
    return path;
}

static void match_size(struct matching *m, const struct storage *s, const char *pointer)
{
    struct statvfs fs;
    own(str_fini) char *room = room_of_storage(m, s);
    const int64_t most = largest(m->platform, s->type);
    if (most >= 0 && s->size > most)
        refuse_size(m, s, pointer, most, "a task may have ", "");
    if (!room || statvfs(room, &fs) < 0)
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

/* What is managed is made and deleted here, where that can be done (EP-4B). */
static void match_managed(struct matching *m, const struct storage *s, const char *pointer)
{
    own(str_fini) char *base = base_of(m->platform, s->type, m->store->dir);
    own(str_fini) char *scheme = uri_scheme(s->location ? s->location : base);
    own(str_fini) char *at = str_print("%s/spec/lifecycle", pointer);
    if (storage_placed(s) && str_same(json_text(s->spec, "lifecycle"), "unmanaged"))
        finding_hint(match_refuse(m, "storage-lifetime", at,
                                  "%s: what is unmanaged is somebody else's place, and must say "
                                  "where it is (Planner 2.2.3)",
                                  s->name),
                     "name its location, or say lifecycle: managed");
    if (!s->managed || storage_makeable(s->location ? s->location : base))
        return;
    finding_hint(match_refuse(m, "storage-lifetime", at,
                              "%s: a place of scheme %s is neither made nor deleted here, only "
                              "used (Planner 2.2.3)",
                              s->name, scheme ? scheme : "none"),
                 "make it, and say lifecycle: unmanaged");
}

static void match_lifetime(struct matching *m, const struct storage *s, const char *pointer)
{
    const json_t *row = platform_row(m->platform->storage, s->type);
    const char *who = s->managed ? "managed" : json_text(s->spec, "lifecycle");
    const char *here = json_text(row, "lifecycle");
    const char *asked = json_text(s->spec, "minlifetime"), *most = json_text(row, "maxlifetime");
    if (who && here && !str_same(who, here)) {
        own(str_fini) char *at = str_print("%s/spec/lifecycle", pointer);
        finding_amounts(match_refuse(m, "storage-lifetime", at,
                                     "%s: %s is asked for, here it is %s (Planner 2.2.3)", s->name,
                                     who, here),
                        json_string(who), json_string(here));
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
            match_managed(m, s, pointer);
            continue;
        }
        finding_amounts(match_refuse(m, "unknown-storage", pointer,
                                     "%s: there is no storage of type %s (Planner 2.2.3)", s->name,
                                     type_short(s->type)),
                        s->type ? json_string(s->type) : NULL,
                        m->platform->storage ? match_types(m->platform->storage) : NULL);
    }
}

/* The place of one storage: below the platform's, by the id of the offer, which will be the job's,
 * and its name, or its number where the name is no good as that of a file. */
static char *place_of(const struct storage *s, const struct platform *platform, const char *state,
                      const char *id, size_t number)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t n = strlen(s->name);
    const bool good = n <= 64 && strspn(s->name, letters) == n;
    own(str_fini) char *base = base_of(platform, s->type, state);
    own(str_fini) char *name =
        good ? str_print("%s-%s/", id, s->name) : str_print("%s-%zu/", id, number);
    const size_t end = strcspn(base, "?#");
    own(str_fini) char *path = str_print("%.*s", (int)end, base);
    own(str_fini) char *place = uri_below(path, name);
    return str_print("%s%s", place, base + end);
}

/* How long it is kept: as asked, as the platform has it, and no less than is wanted. */
static void set_lifetime(json_t *spec, const char *most)
{
    const char *asked = json_text(spec, "maxlifetime"), *least = json_text(spec, "minlifetime");
    if (most && (!asked || longer(asked, most)))
        json_object_set_new(spec, "maxlifetime", json_string(most));
    else if (!asked)
        json_object_set_new(spec, "maxlifetime", json_string(longer(least, KEPT) ? least : KEPT));
}

json_t *match_storage_spec(const struct storage *s, const struct platform *platform,
                           const char *state, const char *id, size_t number)
{
    json_t *spec = s->spec ? json_deep_copy(s->spec) : json_object();
    const json_t *row = platform_row(platform->storage, s->type);
    const json_t *maxsize = json_object_get(spec, "maxsize");
    const int64_t most = largest(platform, s->type);
    const char *why;
    int64_t bytes;
    /* a size that was named is that size */
    if (most >= 0 && !json_object_get(spec, "size") &&
        (!maxsize || (size_parse(maxsize, false, &bytes, &why) == 0 && bytes > most)))
        json_object_set_new(spec, "maxsize", size_json(most));
    if (!s->managed)
        return spec;
    json_object_set_new(spec, "lifecycle", json_string("managed"));
    set_lifetime(spec, json_text(row, "maxlifetime"));
    if (storage_placed(s)) {
        own(str_fini) char *place = place_of(s, platform, state, id, number);
        json_object_set_new(spec, "location", json_string(place));
    }
    return spec;
}
