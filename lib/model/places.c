/* Rules about storage, the volumes that mount it, and the places that are named. */
#include "model/rules.h"
#include "model/task.h"
#include "text/buf.h"
#include "text/uri.h"

static bool is_writable(const json_t *volume)
{
    return str_same(json_text(volume, "mode"), "rw");
}

/* What the rules below look up. */
static void index_storages(struct ruling *r)
{
    size_t c, i;
    json_t *compute, *item;
    r->storages = json_object();
    r->mounted = json_object();
    json_array_foreach (pointer_find(r->doc, "/resources/storage"), i, item)
        if (!json_object_get(r->storages, json_text(item, "name")))
            json_object_set(r->storages, json_text(item, "name"), item);
    json_array_foreach (pointer_find(r->doc, "/resources/compute"), c, compute)
        json_array_foreach (json_object_get(compute, "volumes"), i, item) {
            const char *name = json_text(item, "resource");
            if (name && !json_is_true(json_object_get(r->mounted, name)))
                json_object_set_new(r->mounted, name, json_boolean(is_writable(item)));
        }
}

/* Every volume, with the pointer at it. */
static void each_volume(struct ruling *r,
                        void (*visit)(struct ruling *r, const json_t *volume, const char *at))
{
    size_t c, i;
    json_t *compute, *volume;
    struct pointer at = {0};
    pointer_key(&at, "resources");
    pointer_key(&at, "compute");
    json_array_foreach (pointer_find(r->doc, "/resources/compute"), c, compute) {
        const size_t up = pointer_index(&at, c);
        pointer_key(&at, "volumes");
        json_array_foreach (json_object_get(compute, "volumes"), i, volume) {
            const size_t list = pointer_index(&at, i);
            visit(r, volume, at.text);
            pointer_up(&at, list);
        }
        pointer_up(&at, up);
    }
}

static void no_such_storage(struct ruling *r, const char *name, const char *volume)
{
    own(str_fini) char *at = str_print("%s/resource", volume);
    const char *names[64] = {NULL}, *key;
    size_t n = 0;
    json_t *storage;
    json_object_foreach (r->storages, key, storage)
        if (n < COUNT(names) - 1)
            names[n++] = key;
    struct finding *f = rules_break(r, "no-such-storage", at,
                                    "there is no storage called \"%s\" (Planner 2.2.3)", name);
    const char *near = near_miss(name, names);
    if (near)
        finding_hint(f, "did you mean \"%s\"?", near);
}

static void visit_storage(struct ruling *r, const json_t *volume, const char *at)
{
    const char *name = json_text(volume, "resource");
    if (!name)
        rules_break(r, "no-such-storage", at,
                    "the volume names no storage, expected the key \"resource\" (Planner 2.2.3)");
    else if (!json_object_get(r->storages, name))
        no_such_storage(r, name, at);
}

static void rule_volume_storage(struct ruling *r)
{
    each_volume(r, visit_storage);
}

/* Is `inner` the same path as `outer` or below it? */
static bool lies_in(const char *inner, const char *outer)
{
    size_t n = strlen(outer);
    while (n > 1 && outer[n - 1] == '/')
        n--;
    return strncmp(inner, outer, n) == 0 && (inner[n] == '\0' || inner[n] == '/');
}

/* A volume among the others of its compute resource. */
struct mount {
    size_t index;
    char *path;                /* without slashes at its end */
    const struct mount *same;  /* the first one of the same path, but this one */
    const struct mount *outer; /* the first one of the next path that it lies in */
};

static void overlap(struct ruling *r, const json_t *volumes, const struct mount *a,
                    const struct mount *b, bool same, const char *pointer)
{
    const size_t late = a->index > b->index ? a->index : b->index;
    const size_t early = a->index > b->index ? b->index : a->index;
    own(str_fini) char *at = str_print("%s/%zu/path", pointer, late);
    rules_break(r, "mount-overlap", at,
                same ? "%s and %s are the same place, each volume needs its own (Planner 2.2.3)"
                     : "%s and %s lie inside each other with different modes (Planner 2.2.3)",
                json_text(json_array_get(volumes, late), "path"),
                json_text(json_array_get(volumes, early), "path"));
}

/* The path without slashes at its end; the caller frees. */
static char *plain_path(const json_t *volume)
{
    char *path = str_new(json_text(volume, "path"));
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
    return path;
}

/* What lies in a path comes right behind it, and the same path in the order of the document. */
static int by_path(const void *a, const void *b)
{
    const struct mount *one = *(struct mount *const *)a, *two = *(struct mount *const *)b;
    const unsigned char *p = (const unsigned char *)one->path;
    const unsigned char *q = (const unsigned char *)two->path;
    for (; *p && *p == *q; p++, q++)
        ;
    if (*p == *q)
        return one->index < two->index ? -1 : one->index > two->index;
    return (*p == '/' ? 1 : *p ? *p + 1 : 0) - (*q == '/' ? 1 : *q ? *q + 1 : 0);
}

/* Finds `same` and `outer` of all. */
static void nest_mounts(struct mount *mounts, size_t n)
{
    struct mount **sorted = mem_new(n * sizeof(struct mount *));
    for (size_t i = 0; i < n; i++)
        sorted[i] = &mounts[i];
    qsort(sorted, n, sizeof(struct mount *), by_path);
    for (size_t i = 1; i < n; i++) {
        struct mount *m = sorted[i];
        const struct mount *before = sorted[i - 1]->same ? sorted[i - 1]->same : sorted[i - 1];
        if (str_same(m->path, before->path)) {
            m->same = before;
            m->outer = before->outer;
            continue;
        }
        while (before && !lies_in(m->path, before->path))
            before = before->outer;
        m->outer = before;
    }
    free(sorted);
}

static void check_mounts(struct ruling *r, const json_t *volumes, const char *pointer)
{
    const size_t n = json_array_size(volumes);
    struct mount *mounts = mem_new(n * sizeof(*mounts));
    for (size_t i = 0; i < n; i++)
        mounts[i] = (struct mount){.index = i, .path = plain_path(json_array_get(volumes, i))};
    nest_mounts(mounts, n);
    for (size_t i = 0; i < n; i++)
        if (mounts[i].same)
            overlap(r, volumes, &mounts[i], mounts[i].same, true, pointer);
    for (size_t i = 0; i < n; i++) {
        const bool writable = is_writable(json_array_get(volumes, i));
        for (const struct mount *m = mounts[i].outer; m; m = m->outer)
            if (is_writable(json_array_get(volumes, m->index)) != writable)
                overlap(r, volumes, &mounts[i], m, false, pointer);
    }
    for (size_t i = 0; i < n; i++)
        free(mounts[i].path);
    free(mounts);
}

/* Mounts that would hide what every job has. */
static void visit_mount(struct ruling *r, const json_t *volume, const char *at)
{
    static const char *const kept[] = {"/proc", "/dev", "/execdm"};
    for (size_t k = 0; k < COUNT(kept); k++) {
        if (!lies_in(json_text(volume, "path"), kept[k]))
            continue;
        own(str_fini) char *path = str_print("%s/path", at);
        finding_hint(rules_break(r, "mount-reserved", path, "%s is kept for the system", kept[k]),
                     "mount it below /inputs or /outputs");
    }
}

static void rule_mounts(struct ruling *r)
{
    size_t c;
    json_t *compute;
    json_array_foreach (pointer_find(r->doc, "/resources/compute"), c, compute) {
        own(str_fini) char *pointer = str_print("/resources/compute/%zu/volumes", c);
        check_mounts(r, json_object_get(compute, "volumes"), pointer);
    }
    each_volume(r, visit_mount);
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
    {STORAGE_TYPES "rucio-storage", false, {"rucio", "http", "https"}},
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
    const bool placed = str_same(json_text(storage, "type"), STORAGE_TYPES "persistent-storage") &&
                        !json_object_get(json_object_get(storage, "spec"), "location");
    return !typed_foreign(r->model, storage) &&
           ((row && row->empty) || placed || str_same(lifecycle, "managed"));
}

/* A checksum says which bytes there are, and unpack that they are an archive's: what the program
 * writes would be neither. */
static const char *fixed_by(const struct ruling *r, const json_t *storage)
{
    const json_t *spec = typed_foreign(r->model, storage) ? NULL : json_object_get(storage, "spec");
    return json_object_get(spec, "checksum")               ? "checksum"
           : json_is_true(json_object_get(spec, "unpack")) ? "unpack"
                                                           : NULL;
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
    if (!begins_empty(r, storage) || json_is_true(json_object_get(r->mounted, name)))
        return;
    const struct storage_row *row = storage_row(storage);
    finding_hint(rules_break(r, "nothing-to-read", at,
                             "\"%s\" is empty when the job begins and no volume writes to it, so "
                             "there is nothing to read (Planner 2.2.3)",
                             name),
                 row && row->empty ? "mount it with mode rw"
                                   : "a place that is there already has the lifecycle unmanaged");
}

static void visit_mode(struct ruling *r, const json_t *volume, const char *at)
{
    const json_t *storage = json_object_get(r->storages, json_text(volume, "resource"));
    if (storage)
        check_mode(r, volume, storage, at);
}

static void rule_modes(struct ruling *r)
{
    each_volume(r, visit_mode);
}

/* https:///x and s3:/key lead nowhere. */
static void check_host(struct ruling *r, const char *url, const char *at)
{
    static const char *const schemes[][2] = {
        {"http", "host"}, {"https", "host"}, {"s3", "bucket"}, {"vos", "service"}};
    own(str_fini) char *scheme = uri_scheme(url);
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
        if (n != 0 && host[0] != ':')
            return;
        own(str_fini) char *shown = uri_shown(url);
        rules_break(r, "no-host", at, "\"%s\" names no %s, expected %s://%s/...", shown,
                    schemes[i][1], scheme, schemes[i][1]);
    }
}

static void check_scheme(struct ruling *r, const json_t *storage, const char *url, const char *at)
{
    const struct storage_row *row = storage_row(storage);
    own(str_fini) char *scheme = uri_scheme(url);
    own(buf_fini) struct buf expected = {0};
    /* a file that came with the task over the network (execdm-cgi(8)); elsewhere nothing has it */
    if (row && str_same(scheme, "upload") && str_same(row->schemes[0], "file"))
        return;
    for (size_t i = 0; row && i < COUNT(row->schemes) && row->schemes[i]; i++) {
        if (str_same(scheme, row->schemes[i]))
            return;
        buf_print(&expected, i ? " or %s:" : "%s:", row->schemes[i]);
    }
    if (!expected.len)
        return;
    own(str_fini) char *shown = uri_shown(url);
    rules_break(r, "wrong-scheme", at, "\"%s\" is no place of the type %s, expected %s...", shown,
                type_short(row->type), expected.bytes);
}

static void check_place(struct ruling *r, const json_t *item, const char *area, const char *key,
                        const char *url, const char *at)
{
    check_host(r, url, at);
    if (str_same(area, "storage") && str_same(key, "location"))
        check_scheme(r, item, url, at);
    if (str_same(area, "executable") && typed_own(r->model, item) && str_begins(url, "file:") &&
        url[strlen(url) - 1] == '/')
        rules_break(r, "not-a-file", at, "%s is the directory %s, expected a file", key, url);
}

/* Where something is: of storage, and of what is to be run. */
static void visit_places(void *context, json_t *item, const char *area, struct pointer *at)
{
    static const char *const keys[] = {"location", "endpoint", "notebook", "program",
                                       "requirements"};
    struct ruling *r = context;
    json_t *spec = typed_foreign(r->model, item) ? NULL : json_object_get(item, "spec"), *value;
    const char *key;
    json_object_foreach (spec, key, value)
        for (size_t i = 0; i < COUNT(keys); i++) {
            if (strcmp(key, keys[i]) != 0 || !json_is_string(value))
                continue;
            own(str_fini) char *here = str_print("%s/spec/%s", at->text, key);
            check_place(r, item, area, key, json_string_value(value), here);
        }
}

static void rule_places(struct ruling *r)
{
    typed_each(r->model, r->doc, visit_places, r);
}

/* What no volume mounts, the program cannot see. */
static void rule_unused_storage(struct ruling *r)
{
    size_t i;
    json_t *storage;
    json_array_foreach (pointer_find(r->doc, "/resources/storage"), i, storage) {
        if (json_object_get(r->mounted, json_text(storage, "name")))
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
    index_storages(r);
    for (size_t i = 0; i < COUNT(rules); i++)
        rules[i](r);
    json_decref(r->storages);
    json_decref(r->mounted);
}
