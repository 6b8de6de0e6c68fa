#include "model/platform.h"
#include "text/size.h"

#define MAX_OFFERS 8 /* more are no choice but a list */

/* An amount of one of both, in the spelling of documents; rounded down. */
static int64_t amount(const json_t *object, const char *key, bool size, int64_t otherwise)
{
    const json_t *v = json_object_get(object, key);
    const char *why;
    if (v && size)
        size_parse(v, false, &otherwise, &why);
    else if (v)
        cores_parse(v, false, &otherwise, &why);
    return otherwise;
}

static int whole(const json_t *declared, const json_t *probed, const char *key, bool size,
                 int64_t *out, struct err *err)
{
    *out = amount(declared, key, size, *out);
    if (*out == 0)
        *out = amount(probed, key, size, 0);
    if (*out > 0)
        return 0;
    return err_set(err, CODE_CONFIG, "compute: %s: not declared, and the driver does not know",
                   key);
}

/* For one job: what is declared, what was found, and the whole bound it, the least of them. */
static int64_t limit(const json_t *compute, const json_t *facts, const char *key, bool size,
                     int64_t all)
{
    const int64_t declared = amount(compute, key, size, all), found = amount(facts, key, size, all);
    const int64_t most = declared < found ? declared : found;
    return most < all ? most : all;
}

static void duration(const json_t *section, const char *key, const char *otherwise,
                     struct duration *out)
{
    const char *text = json_text(section, key), *why;
    duration_parse(text ? text : otherwise, out, NULL, &why);
}

static int by_size(const void *a, const void *b)
{
    const struct flavor *x = a, *y = b;
    if (x->cores != y->cores)
        return x->cores < y->cores ? -1 : 1;
    return (x->memory > y->memory) - (x->memory < y->memory);
}

static bool add_times(int64_t *sum, int64_t amount, int64_t count)
{
    int64_t all;
    return !__builtin_mul_overflow(amount, count, &all) && !__builtin_add_overflow(*sum, all, sum);
}

/* What a list of flavors that are all counted comes to is the whole, if nothing else is said. */
static void read_flavors(struct platform *p, const json_t *list)
{
    size_t i;
    json_t *row;
    struct room sum = {0};
    bool counted = true;
    p->flavors = mem_new(json_array_size(list) * sizeof(*p->flavors));
    json_array_foreach (list, i, row) {
        struct flavor *f = &p->flavors[p->nflavors++];
        const int64_t count = json_int(row, "count", 0);
        *f = (struct flavor){.name = json_text(row, "name"),
                             .cores = amount(row, "cores", false, 0),
                             .memory = amount(row, "memory", true, 0),
                             .extras = json_object_get(row, "extras")};
        counted = counted && count > 0 && add_times(&sum.cores, f->cores, count) &&
                  add_times(&sum.memory, f->memory, count);
        if (count > 0) {
            f->part = str_print(PART_FLAVOR "%s", f->name);
            json_object_set_new(p->capacity.parts, f->part, json_integer(count));
        }
    }
    if (counted) {
        p->capacity.cores = sum.cores;
        p->capacity.memory = sum.memory;
    }
    qsort(p->flavors, p->nflavors, sizeof(*p->flavors), by_size);
}

static void read_extras(struct platform *p, json_t *list)
{
    size_t i;
    json_t *row;
    p->extras = list;
    json_array_foreach (list, i, row)
        json_object_set_new(p->capacity.parts, json_text(row, "type"),
                            json_integer(json_int(row, "count", 1)));
}

static void read_openings(struct platform *p, const json_t *list)
{
    size_t i;
    json_t *row;
    p->openings = mem_new(json_array_size(list) * sizeof(*p->openings));
    json_array_foreach (list, i, row) {
        struct opening *o = &p->openings[p->nopenings++];
        struct window w = {0};
        const char *repeat = json_text(row, "repeat"), *why;
        window_parse(json_text(row, "start"), &w, NULL, &why);
        *o = (struct opening){.from = w.from, .to = w.to};
        o->repeats = repeat && duration_parse(repeat, &o->repeat, NULL, &why) == 0;
    }
}

static void read_times(struct platform *p, const json_t *datetime)
{
    duration(datetime, "maxduration", "P7D", &p->maxduration);
    duration(datetime, "duration", "PT1H", &p->duration);
    duration(datetime, "horizon", "P7D", &p->horizon);
    read_openings(p, json_object_get(datetime, "windows"));
    if (duration_seconds(p->duration, (struct when){0}) >
        duration_seconds(p->maxduration, (struct when){0}))
        p->duration = p->maxduration;
}

int platform_init(struct platform *p, json_t *doc, json_t *probe, struct err *err)
{
    const json_t *compute = json_object_get(doc, "compute");
    const json_t *facts = json_object_get(probe, "facts");
    const json_t *offers = json_object_get(doc, "offers");
    *p = (struct platform){.doc = json_incref(doc), .probe = json_incref(probe)};
    p->name = json_text(doc, "name");
    p->driver = json_text(doc, "driver");
    p->driver_options = json_object_get(doc, "driver-options");
    p->executables = json_object_get(doc, "executables");
    p->storage = json_object_get(doc, "storage");
    p->overcommit = json_is_true(json_object_get(compute, "overcommit"));
    p->capacity.parts = json_object();
    read_extras(p, json_object_get(compute, "extras"));
    read_flavors(p, json_object_get(compute, "flavors"));
    if (!p->extras && !p->nflavors) /* a flavor says what it has */
        read_extras(p, json_object_get(facts, "extras"));
    if (whole(compute, facts, "cores", false, &p->capacity.cores, err) < 0 ||
        whole(compute, facts, "memory", true, &p->capacity.memory, err) < 0) {
        platform_fini(p);
        return -1;
    }
    p->maxcores = limit(compute, facts, "maxcores", false, p->capacity.cores);
    p->maxmemory = limit(compute, facts, "maxmemory", true, p->capacity.memory);
    read_times(p, json_object_get(doc, "datetime"));
    duration(offers, "lifetime", "PT5M", &p->lifetime);
    p->maxoffers = (size_t)json_int(offers, "max", MAX_OFFERS);
    return 0;
}

void platform_fini(struct platform *p)
{
    for (size_t i = 0; i < p->nflavors; i++)
        free(p->flavors[i].part);
    free(p->flavors);
    free(p->openings);
    json_decref(p->capacity.parts);
    json_decref(p->doc);
    json_decref(p->probe);
    *p = (struct platform){0};
}

json_t *platform_row(const json_t *list, const char *type)
{
    size_t i;
    json_t *row;
    json_array_foreach (list, i, row)
        if (str_same(json_text(row, "type"), type))
            return row;
    return NULL;
}
