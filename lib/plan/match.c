#include <sys/statvfs.h>
#include "model/load.h"
#include "plan/match.h"
#include "text/size.h"

#define DEFAULT_CORES 1000       /* of a task that names none: one core */
#define DEFAULT_MEMORY (2 * GIB) /* and the draft's own example of a minimal set (2.2.1) */

struct matching {
    const struct task *task;
    const struct platform *platform;
    const struct store *store;
    struct grant *grant;
    struct findings *findings;
};

static struct finding *refuse(struct matching *m, const char *rule, const char *pointer,
                              const char *fmt, ...) PRINTF(4, 5);

static struct finding *refuse(struct matching *m, const char *rule, const char *pointer,
                              const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct finding *f = finding_vadd(m->findings, FINDING_ERROR, rule, pointer, fmt, ap);
    va_end(ap);
    return f;
}

static bool lists_type(const json_t *list, const char *type)
{
    size_t i;
    json_t *row;
    json_array_foreach (list, i, row)
        if (str_same(json_text(row, "type"), type))
            return true;
    return false;
}

/* A type the platform does not know is NO, whatever it is (EP-15, EP-33). */
static void match_executable(struct matching *m)
{
    const struct platform *p = m->platform;
    const char *type = m->task->type;
    if (!type) {
        refuse(m, "no-executable", "/executable", "the task names no executable (Planner 2.1)");
        return;
    }
    if (p->executables && !lists_type(p->executables, type)) {
        refuse(m, "unknown-executable", "/executable/type",
               "executables of type %s are not run here (Planner 2.1)", type_short(type));
        return;
    }
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(p->probe, "runtimes"), i, row) {
        if (!str_same(json_text(row, "type"), type))
            continue;
        if (!json_is_true(json_object_get(row, "ok")))
            refuse(m, "runtime", "/executable/type", "%s cannot run now: %s", type_short(type),
                   json_text(row, "reason"));
        return;
    }
    refuse(m, "unknown-executable", "/executable/type",
           "the driver %s does not run executables of type %s (Planner 2.1)", p->driver,
           type_short(type));
}

static void match_image(struct matching *m)
{
    const json_t *spec = m->task->spec, *facts = json_object_get(m->platform->probe, "facts");
    const char *wanted[] = {json_text(spec, "os"), json_text(spec, "arch")};
    static const char *const keys[] = {"os", "arch"};
    struct err err = {0};
    if (!str_same(m->task->type, EXEC_TYPES "oci-container"))
        return;
    if (image_find(json_text(spec, "image"), json_text(spec, "digest"), &m->grant->image, &err) <
        0) {
        refuse(m, "image", "/executable/spec/image", "%s", err.text);
        return;
    }
    const char *inside[] = {m->grant->image.os, m->grant->image.arch};
    for (size_t i = 0; i < COUNT(keys); i++) {
        const char *here = json_text(facts, keys[i]);
        const char *asked = wanted[i] ? wanted[i] : inside[i];
        if (asked && here && !str_same(asked, here))
            refuse(m, "image-platform", "/executable/spec", "the image is for %s %s, here it is %s",
                   keys[i], asked, here);
    }
}

/* There is no network inside, so what would be fetched there cannot be. */
static void match_program(struct matching *m)
{
    if (!str_same(m->task->type, EXEC_TYPES "python-program") ||
        !json_object_get(m->task->spec, "requirements"))
        return;
    struct finding *f = refuse(m, "requirements", "/executable/spec/requirements",
                               "requirements cannot be installed, jobs have no network");
    finding_hint(f, "put the modules into an OCI image");
}

static void match_compute(struct matching *m)
{
    const struct compute *c = &m->task->compute;
    const struct platform *p = m->platform;
    char asked[SIZE_TEXT], there[SIZE_TEXT];
    if (m->task->ncompute > 1)
        refuse(m, "several-computes", "/resources/compute",
               "%zu compute resources are asked for, one is given", m->task->ncompute);
    if (c->type && !str_same(c->type, RESOURCE_TYPES "generic-compute"))
        refuse(m, "unknown-resource", "/resources/compute/0/type",
               "there is no compute resource of type %s (Planner 2.2.1)", type_short(c->type));
    for (size_t i = 0; i < json_array_size(c->extras); i++)
        refuse(m, "unknown-extra", "/resources/compute/0/spec/extras",
               "there is no %s (Planner 2.2.1)",
               type_short(json_text(json_array_get(c->extras, i), "type")));
    if (c->mincores > p->maxcores)
        refuse(m, "cores", "/resources/compute/0/spec/mincores",
               "%g cores are asked for, a job may have %g (Planner 2.2.2)",
               (double)c->mincores / 1000, (double)p->maxcores / 1000);
    if (c->minmemory > p->maxmemory)
        refuse(m, "memory", "/resources/compute/0/spec/minmemory",
               "%s of memory are asked for, a job may have %s (Planner 2.2.2)",
               size_print(c->minmemory, asked), size_print(p->maxmemory, there));
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Never below the request's minimum, never above its maximum nor the platform's (EP-36, EP-37). */
static void grant_compute(struct matching *m)
{
    const struct compute *c = &m->task->compute;
    const struct platform *p = m->platform;
    struct grant *g = m->grant;
    int64_t most = c->maxcores ? least(c->maxcores, p->maxcores) : p->maxcores;
    g->mincores = c->mincores ? c->mincores : least(DEFAULT_CORES, most);
    g->maxcores = most > g->mincores ? most : g->mincores;
    int64_t room = c->maxmemory ? least(c->maxmemory, p->maxmemory) : p->maxmemory;
    g->minmemory = c->minmemory ? c->minmemory : least(DEFAULT_MEMORY, room);
    g->maxmemory = g->minmemory; /* no overcommit: what is booked is the limit */
}

static const char *const known_storage[] = {
    STORAGE_TYPES "ephemeral-storage", STORAGE_TYPES "file-storage", STORAGE_TYPES "http-storage"};

/* What the platform lists and this program can stage. */
static bool storage_offered(const struct platform *p, const char *type)
{
    if (p->storage && !lists_type(p->storage, type))
        return false;
    for (size_t i = 0; i < COUNT(known_storage); i++)
        if (str_same(known_storage[i], type))
            return true;
    return false;
}

/* The most of a type one task may have, or -1. */
static int64_t storage_limit(const struct platform *p, const char *type)
{
    size_t i;
    json_t *row;
    json_array_foreach (p->storage, i, row) {
        const json_t *v = json_object_get(row, "maxsize");
        const char *why;
        int64_t most;
        if (v && str_same(json_text(row, "type"), type) && size_parse(v, false, &most, &why) == 0)
            return most;
    }
    return -1;
}

static void match_scratch(struct matching *m, const struct storage *s, const char *pointer)
{
    struct statvfs fs;
    char asked[SIZE_TEXT], there[SIZE_TEXT];
    int64_t most = storage_limit(m->platform, s->type);
    if (most >= 0 && s->size > most)
        refuse(m, "storage-size", pointer,
               "%s: %s are asked for, a task may have %s (Planner 2.2.3)", s->name,
               size_print(s->size, asked), size_print(most, there));
    if (s->location || statvfs(m->store->dir, &fs) < 0)
        return;
    int64_t available = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    if (s->size > available)
        refuse(m, "storage-size", pointer, "%s: %s are asked for, %s are free (Planner 2.2.3)",
               s->name, size_print(s->size, asked), size_print(available, there));
}

static void match_storage(struct matching *m)
{
    for (size_t i = 0; i < m->task->nstorage; i++) {
        const struct storage *s = &m->task->storage[i];
        own(str_fini) char *pointer = str_print("/resources/storage/%zu", i);
        if (storage_offered(m->platform, s->type))
            match_scratch(m, s, pointer);
        else
            refuse(m, "unknown-storage", pointer,
                   "%s: there is no storage of type %s (Planner 2.2.3)", s->name,
                   type_short(s->type));
    }
}

/* What this planner cannot do for a job is refused, never dropped. */
static void match_rest(struct matching *m)
{
    static const struct {
        const char *key, *text;
    } parts[] = {
        {"authentication", "none of the authentication methods is recognised (Planner 2.3)"},
        {"triggers", "triggers are not offered here (Planner 2.5.1)"},
        {"callouts", "callouts are not offered here (Planner 2.5.2)"},
    };
    for (size_t i = 0; i < COUNT(parts); i++) {
        own(str_fini) char *pointer = str_print("/%s", parts[i].key);
        if (json_array_size(json_object_get(m->task->doc, parts[i].key)))
            refuse(m, parts[i].key, pointer, "%s", parts[i].text);
    }
}

bool match_platform(const struct task *task, const struct platform *platform,
                    const struct store *store, struct grant *grant, struct findings *findings)
{
    struct matching m = {task, platform, store, grant, findings};
    *grant = (struct grant){0};
    size_t before = findings->errors;
    match_executable(&m);
    match_image(&m);
    match_program(&m);
    match_compute(&m);
    match_storage(&m);
    match_rest(&m);
    if (findings->errors == before)
        grant_compute(&m);
    else
        grant_fini(grant);
    return findings->errors == before;
}

void grant_fini(struct grant *g)
{
    image_fini(&g->image);
}
