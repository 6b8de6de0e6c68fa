/* Rules about storage, the volumes that mount it, and the places that are named. */
#include "model/rules.h"
#include "model/task.h"
#include "text/buf.h"
#include "text/uri.h"

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
                rules_break(
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
                rules_break(r, "no-such-storage", at,
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

static void check_mounts(struct ruling *r, const json_t *volumes, const char *pointer)
{
    for (size_t i = 0; i < json_array_size(volumes); i++) {
        const json_t *a = json_array_get(volumes, i);
        for (size_t j = 0; j < i; j++) {
            const json_t *b = json_array_get(volumes, j);
            const char *pa = json_text(a, "path"), *pb = json_text(b, "path");
            bool same = lies_in(pa, pb) && lies_in(pb, pa);
            bool nested = lies_in(pa, pb) || lies_in(pb, pa);
            if (!same && (!nested || is_writable(a) == is_writable(b)))
                continue;
            own(str_fini) char *at = str_print("%s/%zu/path", pointer, i);
            rules_break(
                r, "mount-overlap", at,
                same ? "%s and %s are the same place, each volume needs its own (Planner "
                       "2.2.3)"
                     : "%s and %s lie inside each other with different modes (Planner 2.2.3)",
                pa, pb);
        }
    }
}

/* Mounts that would hide what every job has. */
static void check_mount_place(struct ruling *r, const char *path, const char *at)
{
    static const char *const kept[] = {"/proc", "/dev", "/execdm"};
    for (size_t k = 0; k < COUNT(kept); k++)
        if (lies_in(path, kept[k]))
            finding_hint(rules_break(r, "mount-reserved", at, "%s is kept for the system", kept[k]),
                         "mount it below /inputs or /outputs");
}

static void rule_mounts(struct ruling *r)
{
    size_t c, i;
    json_t *compute, *volume;
    json_array_foreach (pointer_find(r->doc, "/resources/compute"), c, compute) {
        json_t *volumes = json_object_get(compute, "volumes");
        own(str_fini) char *pointer = str_print("/resources/compute/%zu/volumes", c);
        check_mounts(r, volumes, pointer);
        json_array_foreach (volumes, i, volume) {
            own(str_fini) char *at = str_print("%s/%zu/path", pointer, i);
            check_mount_place(r, json_text(volume, "path"), at);
        }
    }
}

/* What a storage type means beyond its schema. Types of a site have no row: nothing is said. */
static const struct storage_row {
    const char *type;
    bool empty;             /* there is nothing in it when the job begins */
    const char *schemes[4]; /* of its location; none: any */
} storage_rows[] = {
    {STORAGE_TYPES "ephemeral-storage", true, {NULL}},
    {STORAGE_TYPES "file-storage", false, {"file"}},
    {STORAGE_TYPES "http-storage", false, {"http", "https"}},
    {STORAGE_TYPES "amazon-s3", false, {"s3", "http", "https"}},
    {STORAGE_TYPES "vospace-storage", false, {"vos", "http", "https"}},
};

static const struct storage_row *storage_row(const json_t *storage)
{
    for (size_t i = 0; i < COUNT(storage_rows); i++)
        if (str_same(json_text(storage, "type"), storage_rows[i].type))
            return &storage_rows[i];
    return NULL;
}

/* Ephemeral storage is made when the job begins, and so is every managed one: the service makes the
 * place, and deletes it in the end (Planner 2.2.3, EP-40, EP-4B). */
static bool begins_empty(const struct ruling *r, const json_t *storage)
{
    const struct storage_row *row = storage_row(storage);
    const char *lifecycle = json_text(json_object_get(storage, "spec"), "lifecycle");
    return rules_known(r, storage) && ((row && row->empty) || str_same(lifecycle, "managed"));
}

/* A checksum says which bytes there are, and unpack that they are an archive's: what the program
 * writes would be neither. */
static const char *fixed_by(const struct ruling *r, const json_t *storage)
{
    const json_t *spec = rules_known(r, storage) ? json_object_get(storage, "spec") : NULL;
    return json_object_get(spec, "checksum")               ? "checksum"
           : json_is_true(json_object_get(spec, "unpack")) ? "unpack"
                                                           : NULL;
}

static bool is_written(struct ruling *r, const char *storage)
{
    size_t c, i;
    json_t *compute, *volume;
    json_array_foreach (pointer_find(r->doc, "/resources/compute"), c, compute)
        json_array_foreach (json_object_get(compute, "volumes"), i, volume)
            if (is_writable(volume) && str_same(json_text(volume, "resource"), storage))
                return true;
    return false;
}

static void check_mode(struct ruling *r, const json_t *volume, const json_t *storage,
                       const char *at)
{
    const char *name = json_text(storage, "name"), *fixed = fixed_by(r, storage);
    if (is_writable(volume) && fixed) {
        own(str_fini) char *mode = str_print("%s/mode", at);
        finding_hint(rules_break(r, "read-only-storage", mode,
                                 "mode is rw, but %s fixes the content of \"%s\" (Planner 2.2.3)",
                                 fixed, name),
                     "mount it with mode r, or leave %s out", fixed);
    }
    if (!begins_empty(r, storage) || is_written(r, name))
        return;
    const struct storage_row *row = storage_row(storage);
    finding_hint(rules_break(r, "nothing-to-read", at,
                             "\"%s\" is empty when the job begins and no volume writes to it, so "
                             "there is nothing to read (Planner 2.2.3)",
                             name),
                 row && row->empty ? "mount it with mode rw"
                                   : "a place that is there already has the lifecycle unmanaged");
}

static void rule_modes(struct ruling *r)
{
    size_t c, i;
    json_t *compute, *volume;
    json_array_foreach (pointer_find(r->doc, "/resources/compute"), c, compute)
        json_array_foreach (json_object_get(compute, "volumes"), i, volume) {
            const char *name = json_text(volume, "resource");
            const json_t *storage = name ? storage_called(r, name) : NULL;
            own(str_fini) char *at = str_print("/resources/compute/%zu/volumes/%zu", c, i);
            if (storage)
                check_mode(r, volume, storage, at);
        }
}

/* https:///x and s3:/key lead nowhere. */
static void check_host(struct ruling *r, const char *url, const char *at)
{
    static const char *const schemes[][2] = {
        {"http", "host"}, {"https", "host"}, {"s3", "bucket"}, {"vos", "service"}};
    own(str_fini) char *scheme = uri_scheme(url);
    own(str_fini) char *shown = uri_shown(url);
    for (size_t i = 0; i < COUNT(schemes); i++) {
        if (!str_same(scheme, schemes[i][0]))
            continue;
        const char *rest = url + strlen(scheme) + 1;
        const char *host = str_begins(rest, "//") ? rest + 2 : "";
        size_t n = strcspn(host, "/?#");
        for (size_t k = n; k-- > 0;)
            if (host[k] == '@') { /* user:password@host */
                host += k + 1;
                n -= k + 1;
                break;
            }
        if (n == 0 || host[0] == ':')
            rules_break(r, "no-host", at, "\"%s\" names no %s, expected %s://%s/...", shown,
                        schemes[i][1], scheme, schemes[i][1]);
    }
}

static void check_scheme(struct ruling *r, const json_t *storage, const char *url, const char *at)
{
    const struct storage_row *row = storage_row(storage);
    own(str_fini) char *scheme = uri_scheme(url);
    own(str_fini) char *shown = uri_shown(url);
    own(buf_fini) struct buf expected = {0};
    for (size_t i = 0; row && i < COUNT(row->schemes) && row->schemes[i]; i++) {
        if (str_same(scheme, row->schemes[i]))
            return;
        buf_print(&expected, i ? " or %s:" : "%s:", row->schemes[i]);
    }
    if (expected.len)
        rules_break(r, "wrong-scheme", at, "\"%s\" is no place of the type %s, expected %s...",
                    shown, type_short(row->type), expected.bytes);
}

/* Where something is: of storage, and of what is to be run. */
static void visit_places(void *context, json_t *item, const char *area, struct pointer *at)
{
    static const char *const keys[] = {"location", "endpoint", "notebook", "program",
                                       "requirements"};
    struct ruling *r = context;
    for (size_t i = 0; i < COUNT(keys) && rules_known(r, item); i++) {
        const char *url = json_text(json_object_get(item, "spec"), keys[i]);
        own(str_fini) char *here = str_print("%s/spec/%s", at->text, keys[i]);
        if (!url)
            continue;
        check_host(r, url, here);
        if (str_same(area, "storage") && str_same(keys[i], "location"))
            check_scheme(r, item, url, here);
        if (str_same(area, "executable") && str_begins(url, "file:") && url[strlen(url) - 1] == '/')
            rules_break(r, "not-a-file", here, "%s is the directory %s, expected a file", keys[i],
                        url);
    }
}

static void rule_places(struct ruling *r)
{
    typed_each(r->model, r->doc, visit_places, r);
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

void rules_places(struct ruling *r)
{
    static void (*const rules[])(struct ruling *) = {
        rule_volume_storage, rule_mounts, rule_modes, rule_places, rule_unused_storage,
    };
    for (size_t i = 0; i < COUNT(rules); i++)
        rules[i](r);
}
