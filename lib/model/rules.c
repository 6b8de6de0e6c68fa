/* What no schema can say: values that must agree with each other (model.md, "Semantic rules"). */
#include "model/check.h"
#include "text/size.h"
#include "text/when.h"

struct ruling {
    const struct model *model;
    json_t *doc;
    struct findings *findings;
};

static struct finding *break_rule(struct ruling *r, const char *rule, const char *pointer,
                                  const char *fmt, ...) PRINTF(4, 5);

static struct finding *break_rule(struct ruling *r, const char *rule, const char *pointer,
                                  const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return finding_add(r->findings, FINDING_ERROR, rule, pointer, "%s", text);
}

/* Both values of a pair as comparable numbers; false when one is missing or not of that sort. */
static bool pair_values(const char *sort, const json_t *min, const json_t *max, int64_t v[2])
{
    const char *why;
    if (!min || !max)
        return false;
    /* Rounded the same way: 0.1 GiB, no whole number of bytes, does not exceed 0.1 GiB. */
    if (str_same(sort, "cores"))
        return cores_parse(min, true, &v[0], &why) == 0 && cores_parse(max, true, &v[1], &why) == 0;
    if (str_same(sort, "size"))
        return size_parse(min, true, &v[0], &why) == 0 && size_parse(max, true, &v[1], &why) == 0;
    struct duration a, b;
    if (!json_is_string(min) || !json_is_string(max) ||
        duration_parse(json_string_value(min), &a, NULL, &why) < 0 ||
        duration_parse(json_string_value(max), &b, NULL, &why) < 0)
        return false;
    v[0] = duration_seconds(a, (struct when){0});
    v[1] = duration_seconds(b, (struct when){0});
    return true;
}

static void check_pairs(struct ruling *r, const json_t *spec, const char *pointer)
{
    static const struct {
        const char *min, *max, *sort, *clause;
    } pairs[] = {
        {"mincores", "maxcores", "cores", "2.2.2"},
        {"minmemory", "maxmemory", "size", "2.2.2"},
        {"minsize", "maxsize", "size", "2.2.3"},
        {"minlifetime", "maxlifetime", "duration", "2.2.3"},
        {"minduration", "maxduration", "duration", "2.4"},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const json_t *min = json_object_get(spec, pairs[i].min);
        const json_t *max = json_object_get(spec, pairs[i].max);
        int64_t v[2];
        if (!pair_values(pairs[i].sort, min, max, v) || v[0] <= v[1])
            continue;
        own(str_fini) char *at = str_print("%s/%s", pointer, pairs[i].min);
        own(str_fini) char *low = json_dumps(min, JSON_ENCODE_ANY);
        own(str_fini) char *high = json_dumps(max, JSON_ENCODE_ANY);
        break_rule(r, "min-exceeds-max", at, "%s is %s, must not exceed %s %s (Planner %s)",
                   pairs[i].min, low, pairs[i].max, high, pairs[i].clause);
    }
}

static void rule_min_max(struct ruling *r)
{
    static const char *const places[] = {"/resources/compute", "/resources/storage"};
    size_t i;
    json_t *item;
    for (size_t k = 0; k < COUNT(places); k++)
        json_array_foreach (pointer_find(r->doc, places[k]), i, item) {
            own(str_fini) char *at = str_print("%s/%zu/spec", places[k], i);
            check_pairs(r, json_object_get(item, "spec"), at);
        }
    json_array_foreach (json_object_get(r->doc, "datetime"), i, item) {
        own(str_fini) char *at = str_print("/datetime/%zu", i);
        check_pairs(r, item, at);
    }
}

static void rule_names(struct ruling *r)
{
    static const char *const sections[] = {"/resources/compute", "/resources/storage",
                                           "/authentication",    "/triggers",
                                           "/callouts",          "/resources/compute/0/volumes"};
    for (size_t k = 0; k < COUNT(sections); k++) {
        json_t *list = pointer_find(r->doc, sections[k]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            const char *name = json_text(json_array_get(list, i), "name");
            for (size_t j = 0; name && j < i; j++) {
                if (!str_same(name, json_text(json_array_get(list, j), "name")))
                    continue;
                own(str_fini) char *at = str_print("%s/%zu/name", sections[k], i);
                break_rule(r, "duplicate-name", at,
                           "the name \"%s\" is used twice, names are "
                           "unique in a section",
                           name);
            }
        }
    }
}

static const json_t *storage_called(struct ruling *r, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach (pointer_find(r->doc, "/resources/storage"), i, item)
        if (str_same(json_text(item, "name"), name))
            return item;
    return NULL;
}

static void rule_volume_storage(struct ruling *r)
{
    size_t c, i;
    json_t *compute, *volume;
    json_array_foreach (pointer_find(r->doc, "/resources/compute"), c, compute)
        json_array_foreach (json_object_get(compute, "volumes"), i, volume) {
            const char *name = json_text(volume, "resource");
            if (!name) {
                own(str_fini) char *here = str_print("/resources/compute/%zu/volumes/%zu", c, i);
                break_rule(
                    r, "no-such-storage", here,
                    "the volume names no storage, expected the key \"resource\" (Planner 2.2.3)");
            }
            if (!name || storage_called(r, name))
                continue;
            own(str_fini) char *at = str_print("/resources/compute/%zu/volumes/%zu/resource", c, i);
            const char *names[64] = {NULL};
            size_t k, n = 0;
            json_t *item;
            json_array_foreach (pointer_find(r->doc, "/resources/storage"), k, item)
                if (n < COUNT(names) - 1 && json_text(item, "name"))
                    names[n++] = json_text(item, "name");
            struct finding *f =
                break_rule(r, "no-such-storage", at,
                           "there is no storage called \"%s\" (Planner 2.2.3)", name);
            const char *near = near_miss(name, names);
            if (near)
                finding_hint(f, "did you mean \"%s\"?", near);
        }
}

/* Is `inner` the same path as `outer` or below it? */
static bool lies_in(const char *inner, const char *outer)
{
    size_t n = strlen(outer);
    while (n > 1 && outer[n - 1] == '/')
        n--;
    return strncmp(inner, outer, n) == 0 && (inner[n] == '\0' || inner[n] == '/');
}

static bool is_writable(const json_t *volume)
{
    return str_same(json_text(volume, "mode"), "rw");
}

static void rule_mounts(struct ruling *r)
{
    json_t *volumes = pointer_find(r->doc, "/resources/compute/0/volumes");
    for (size_t i = 0; i < json_array_size(volumes); i++) {
        const json_t *a = json_array_get(volumes, i);
        for (size_t j = 0; j < i; j++) {
            const json_t *b = json_array_get(volumes, j);
            const char *pa = json_text(a, "path"), *pb = json_text(b, "path");
            bool same = lies_in(pa, pb) && lies_in(pb, pa);
            bool nested = lies_in(pa, pb) || lies_in(pb, pa);
            if (!same && (!nested || is_writable(a) == is_writable(b)))
                continue;
            own(str_fini) char *at = str_print("/resources/compute/0/volumes/%zu/path", i);
            break_rule(r, "mount-overlap", at,
                       same ? "%s and %s are the same place, each volume needs its own"
                            : "%s and %s lie inside each other with different modes",
                       pa, pb);
        }
    }
}

/* Mounts that would hide what every job has. */
static void rule_mount_place(struct ruling *r)
{
    static const char *const kept[] = {"/proc", "/dev", "/execdm"};
    size_t i;
    json_t *volume;
    json_array_foreach (pointer_find(r->doc, "/resources/compute/0/volumes"), i, volume)
        for (size_t k = 0; k < COUNT(kept); k++) {
            if (!lies_in(json_text(volume, "path"), kept[k]))
                continue;
            own(str_fini) char *at = str_print("/resources/compute/0/volumes/%zu/path", i);
            struct finding *f =
                break_rule(r, "mount-reserved", at, "%s is kept for the system", kept[k]);
            finding_hint(f, "mount it below /inputs or /outputs");
        }
}

static void rule_markers(struct ruling *r)
{
    static const char *const known[] = {"job.name",        "job.ident",   "job.status", "job.link",
                                        "system.datetime", "system.date", NULL};
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(r->doc, "callouts"), i, item) {
        const char *s = json_text(json_object_get(item, "spec"), "content");
        while (s && (s = strstr(s, "{{"))) {
            s += 2;
            const char *end = strstr(s, "}}");
            size_t n = end ? (size_t)(end - s) : strcspn(s, "\n");
            own(str_fini) char *marker = str_print("%.*s", (int)n, s);
            bool is_known = false;
            for (size_t k = 0; end && known[k]; k++)
                is_known |= str_same(known[k], marker);
            if (is_known)
                continue;
            own(str_fini) char *at = str_print("/callouts/%zu/spec/content", i);
            struct finding *f =
                break_rule(r, "unknown-marker", at, "{{%s%s is no marker%s (Planner 2.5.2)", marker,
                           end ? "}}" : "", end ? "" : ", expected }} at its end");
            const char *near = end ? near_miss(marker, known) : NULL;
            if (near)
                finding_hint(f, "did you mean {{%s}}?", near);
        }
    }
}

static void rule_type_form(struct ruling *r)
{
    const char *type = json_text(json_object_get(r->doc, "executable"), "type");
    if (!type || str_begins(type, "http://") || str_begins(type, "https://"))
        return;
    finding_add(r->findings, FINDING_NOTICE, "type-not-url", "/executable/type",
                "a type is best a lasting http or https URL (Planner 1.3)");
}

/* A job that may run for no time does nothing. */
static void rule_durations(struct ruling *r)
{
    static const char *const keys[] = {"minduration", "maxduration"};
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(r->doc, "datetime"), i, item)
        for (size_t k = 0; k < COUNT(keys); k++) {
            struct duration d;
            const char *text = json_text(item, keys[k]), *why;
            if (!text || duration_parse(text, &d, NULL, &why) < 0 || d.months || d.sec || d.nsec)
                continue;
            own(str_fini) char *at = str_print("/datetime/%zu/%s", i, keys[k]);
            break_rule(r, "zero-duration", at, "%s is no time at all, expected more (Planner 2.4)",
                       keys[k]);
        }
}

/* What no volume mounts, the program cannot see. */
static void rule_unused_storage(struct ruling *r)
{
    size_t i, c, k;
    json_t *storage, *compute, *volume;
    json_array_foreach (pointer_find(r->doc, "/resources/storage"), i, storage) {
        bool used = false;
        json_array_foreach (pointer_find(r->doc, "/resources/compute"), c, compute)
            json_array_foreach (json_object_get(compute, "volumes"), k, volume)
                used |= str_same(json_text(volume, "resource"), json_text(storage, "name"));
        if (used)
            continue;
        own(str_fini) char *at = str_print("/resources/storage/%zu", i);
        finding_add(r->findings, FINDING_NOTICE, "unused-storage", at,
                    "no volume mounts \"%s\", the program will not see it (Planner 2.2.3)",
                    json_text(storage, "name"));
    }
}

void rules_task(const struct model *m, json_t *doc, struct findings *findings)
{
    static void (*const rules[])(struct ruling *) = {
        rule_min_max,     rule_names,     rule_volume_storage, rule_mounts,    rule_markers,
        rule_mount_place, rule_durations, rule_unused_storage, rule_type_form,
    };
    struct ruling r = {m, doc, findings};
    for (size_t i = 0; i < COUNT(rules); i++)
        rules[i](&r);
}

void rules_platform(json_t *doc, struct findings *findings)
{
    struct ruling r = {NULL, doc, findings};
    static const char *const pairs[][2] = {{"maxcores", "cores"}, {"maxmemory", "memory"}};
    const json_t *compute = json_object_get(doc, "compute");
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const json_t *one = json_object_get(compute, pairs[i][0]);
        const json_t *all = json_object_get(compute, pairs[i][1]);
        int64_t v[2];
        if (!pair_values(i ? "size" : "cores", one, all, v) || v[0] <= v[1])
            continue;
        own(str_fini) char *at = str_print("/compute/%s", pairs[i][0]);
        break_rule(&r, "min-exceeds-max", at, "%s of one job must not exceed %s of all",
                   pairs[i][0], pairs[i][1]);
    }
}
