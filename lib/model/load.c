#include "model/load.h"
#include <dirent.h>
#include <limits.h>
#include <pwd.h>
#include "text/doc.h"
#include "text/uri.h"

/* The schemas' own URIs, with the major version of the model. */
#define MODEL_URI "https://www.purl.org/ivoa.net/execdm/1/"

/* ---- maps -------------------------------------------------------------------------------- */

static void maps_add(struct schema_maps *p, const char *prefix, const char *dir)
{
    strs_add(&p->prefixes, prefix);
    strs_add(&p->dirs, dir);
}

static void maps_fini(struct schema_maps *p)
{
    strs_fini(&p->prefixes);
    strs_fini(&p->dirs);
}

/* The path of a URI in one place, NULL when there is no such file. */
static char *file_of(const char *dir, const char *rest)
{
    static const char *const endings[] = {"", ".json"};
    own(str_fini) char *name = uri_decode(rest);
    if (!name || strstr(name, ".."))
        return NULL;
    for (size_t i = 0; i < COUNT(endings); i++) {
        own(str_fini) char *path = str_print("%s/%s%s", dir, name, endings[i]);
        if (access(path, R_OK) == 0)
            return move(path);
    }
    return NULL;
}

/* The read of a struct schema_reading; context is a struct schema_maps. */
static json_t *maps_read(void *context, const char *uri, struct err *err)
{
    const struct schema_maps *p = context;
    json_t *document = NULL;
    for (size_t i = 0; i < p->prefixes.n; i++) {
        if (!str_begins(uri, p->prefixes.list[i]))
            continue;
        own(str_fini) char *path = file_of(p->dirs.list[i], uri + strlen(p->prefixes.list[i]));
        if (path)
            return doc_file(path, &document, err) == 0 ? document : NULL;
    }
    err_set(err, CODE_CONFIG,
            "there is no file for the schema %s: nothing is fetched, --map says where schemas are",
            uri);
    return NULL;
}

/* ---- types ------------------------------------------------------------------------------- */

static int load_types(struct model *m, struct err *err)
{
    own(str_fini) char *path = str_print("%s/types.json", m->dir);
    own(json_fini) json_t *catalogue = NULL;
    size_t i, k;
    json_t *row, *alias;
    if (doc_file(path, &catalogue, err) < 0) {
        err->code = CODE_CONFIG;
        return err_wrap(err, "cannot load the types");
    }
    json_array_foreach (json_object_get(catalogue, "types"), i, row) {
        const char *uri = json_text(row, "uri");
        if (!uri)
            return err_set(err, CODE_CONFIG, "%s: a type without uri", path);
        json_object_set(m->types, uri, row);
        json_array_foreach (json_object_get(row, "aliases"), k, alias)
            json_object_set(m->types, json_string_value(alias), row);
    }
    return 0;
}

char *config_dir(void)
{
    const char *site = getenv("EXECDM_CONFIG"), *home = getenv("HOME");
    if (site && *site)
        return str_new(site);
    if (!home || *home != '/') {
        const struct passwd *pw = getpwuid(geteuid());
        home = pw ? pw->pw_dir : "";
    }
    own(str_fini) char *mine = str_print("%s/.config/execdm", home);
    if (access(mine, F_OK) == 0)
        return move(mine);
    return access("/etc/execdm", F_OK) == 0 ? str_new("/etc/execdm") : NULL;
}

/* A site's schema: its $id is the URI of the type. */
static int load_site_type(struct model *m, const char *area, const char *path, struct err *err)
{
    own(json_fini) json_t *document = NULL;
    if (doc_file(path, &document, err) < 0) {
        err->code = CODE_CONFIG;
        return -1;
    }
    const char *uri = json_text(document, "$id");
    if (!uri) {
        err_set(err, CODE_CONFIG, "the schema of a type needs an $id, the URI of the type");
        return err_at(err, path, 0, 0);
    }
    if (json_object_get(m->types, uri)) {
        err_set(err, CODE_CONFIG, "the type %s is there already", uri);
        return err_at(err, path, 0, 0);
    }
    if (!schema_add(m->set, uri, document, err))
        return err_at(err, path, 0, 0);
    json_object_set_new(m->types, uri,
                        json_pack("{s:s,s:s,s:s,s:[],s:b}", "uri", uri, "area", area, "schema",
                                  path, "aliases", "site", 1));
    return 0;
}

static int is_schema_file(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return e->d_name[0] != '.' && dot &&
           (str_same(dot, ".json") || str_same(dot, ".yaml") || str_same(dot, ".yml"));
}

/* What lies in types.d and would be passed over is a mistake. */
static int check_areas(const char *dir, const char *const *areas, struct err *err)
{
    struct dirent **list = NULL;
    const int n = scandir(dir, &list, NULL, alphasort);
    int rc = 0;
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        size_t k = 0;
        while (areas[k] && !str_same(areas[k], name))
            k++;
        if (rc == 0 && *name != '.' && !areas[k]) {
            rc = err_set(err, CODE_CONFIG,
                         "\"%s\" is no area of types, expected directories called executable, "
                         "compute, extra, storage, authentication or webservice",
                         name);
            err_at(err, dir, 0, 0);
        }
        free(list[i]);
    }
    free(list);
    return rc;
}

static int load_area(struct model *m, const char *dir, const char *area, struct err *err)
{
    own(str_fini) char *below = str_print("%s/%s", dir, area);
    struct dirent **list = NULL;
    const int n = scandir(below, &list, is_schema_file, alphasort);
    int rc = 0;
    if (n < 0 && errno != ENOENT) {
        err_sys(err, "cannot read %s", below);
        err->code = CODE_CONFIG;
        return -1;
    }
    for (int i = 0; i < n; i++) {
        own(str_fini) char *path = str_print("%s/%s", below, list[i]->d_name);
        if (rc == 0)
            rc = load_site_type(m, area, path, err);
        free(list[i]);
    }
    free(list);
    return rc;
}

/* types.d/AREA/NAME.json of the configuration: the types a site adds. */
static int load_site_types(struct model *m, struct err *err)
{
    static const char *const areas[] = {"executable",     "compute",    "extra", "storage",
                                        "authentication", "webservice", NULL};
    own(str_fini) char *config = config_dir();
    own(str_fini) char *dir = config ? str_print("%s/types.d", config) : NULL;
    if (!dir)
        return 0;
    if (access(dir, F_OK) < 0 && errno != ENOENT && errno != ENOTDIR) {
        err_sys(err, "cannot look for types in %s", dir);
        err->code = CODE_CONFIG;
        return -1;
    }
    if (access(dir, F_OK) < 0)
        return 0;
    if (check_areas(dir, areas, err) < 0)
        return -1;
    for (size_t i = 0; areas[i]; i++)
        if (load_area(m, dir, areas[i], err) < 0)
            return -1;
    return 0;
}

char *schema_dir(void)
{
    const char *site = getenv("EXECDM_SCHEMA");
    return str_new(site && *site ? site : PKGDATADIR "/schema");
}

int model_open(struct model *m, const char *dir, struct err *err)
{
    *m = (struct model){.types = json_object()};
    m->dir = dir ? str_new(dir) : schema_dir();
    m->maps = mem_new(sizeof(*m->maps)); /* stays where it is when the model is moved */
    maps_add(m->maps, MODEL_URI, m->dir);
    m->set = schema_set_new(
        &(struct schema_reading){.read = maps_read, .context = m->maps, .own = true});
    if (load_types(m, err) < 0 || load_site_types(m, err) < 0) {
        model_close(m);
        return -1;
    }
    return 0;
}

void model_close(struct model *m)
{
    for (size_t i = 0; i < m->nloaded; i++)
        free(m->loaded[i].name);
    free(m->loaded);
    schema_set_free(m->set);
    if (m->maps)
        maps_fini(m->maps);
    free(m->maps);
    json_decref(m->types);
    free(m->dir);
    *m = (struct model){0};
}

const struct schema *model_schema(struct model *m, const char *name, struct err *err)
{
    for (size_t i = 0; i < m->nloaded; i++)
        if (strcmp(m->loaded[i].name, name) == 0)
            return m->loaded[i].schema;
    own(str_fini) char *uri = str_print("%s%s", MODEL_URI, name);
    const struct schema *schema = schema_load(m->set, uri, err);
    if (!schema)
        return NULL;
    m->loaded = mem_grow(m->loaded, m->nloaded + 1, sizeof(*m->loaded));
    m->loaded[m->nloaded++] = (struct loaded){str_new(name), schema};
    return schema;
}

int model_warm(struct model *m, struct err *err)
{
    const char *spelling;
    json_t *row;
    if (!model_schema(m, "task.json", err))
        return -1;
    json_object_foreach (m->types, spelling, row)
        if (!type_schema(m, spelling, err))
            return -1;
    return 0;
}

/* ---- schemas of others ------------------------------------------------------------------- */

static int add_maps(struct foreign *f, char *const *maps, struct err *err)
{
    for (; maps && *maps; maps++) {
        const char *equals = strchr(*maps, '=');
        if (!equals || equals == *maps || !equals[1])
            return err_set(err, CODE_USAGE, "--map is PREFIX=DIR, not \"%s\"", *maps);
        own(str_fini) char *prefix = str_print("%.*s", (int)(equals - *maps), *maps);
        maps_add(&f->maps, prefix, equals + 1);
    }
    return 0;
}

/* By the meta-schema, where it is the usual one. */
static int check_schema(struct foreign *f, json_t *document, struct findings *findings,
                        struct err *err)
{
    const char *dialect = json_text(document, "$schema");
    struct pointer at = {0};
    if (dialect && !str_begins(dialect, SCHEMA_DIALECT))
        return 0;
    const struct schema *meta = schema_load(f->set, SCHEMA_DIALECT, err);
    return !meta || schema_check(meta, document, &at, findings, NULL, err) < 0 ? -1 : 0;
}

int foreign_open(struct foreign *f, const struct model *m, const char *file, char *const *maps,
                 bool assert_format, struct findings *findings, struct err *err)
{
    char path[PATH_MAX];
    own(json_fini) json_t *document = NULL;
    own(foreign_close) struct foreign mine = {0};
    if (add_maps(&mine, maps, err) < 0 || doc_file(file, &document, err) < 0)
        return -1;
    if (!realpath(file, path))
        return err_sys(err, "cannot find %s", file);
    own(str_fini) char *uri = uri_of_path(path);
    own(str_fini) char *beside = str_print("%.*s", (int)(strrchr(uri, '/') + 1 - uri), uri);
    own(str_fini) char *vendor = str_print("%s/vendor/json-schema-2020-12", m->dir);
    *strrchr(path, '/') = '\0';
    maps_add(&mine.maps, beside, *path ? path : "/");
    own(str_fini) char *id = uri_resolve(uri, json_is_object(document) && json_text(document, "$id")
                                                  ? json_text(document, "$id")
                                                  : "");
    own(str_fini) char *siblings = uri_resolve(id, "."); /* files beside it may say the same $id */
    maps_add(&mine.maps, siblings, *path ? path : "/");
    maps_add(&mine.maps, MODEL_URI, m->dir);
    maps_add(&mine.maps, "https://json-schema.org/draft/2020-12/", vendor);
    *f = mine;
    mine = (struct foreign){0};
    f->set = schema_set_new(&(struct schema_reading){
        .read = maps_read, .context = &f->maps, .assert_format = assert_format});
    if (check_schema(f, document, findings, err) == 0 &&
        (findings->errors || (f->schema = schema_add(f->set, uri, document, err))))
        return 0;
    foreign_close(f);
    return -1;
}

void foreign_close(struct foreign *f)
{
    schema_set_free(f->set);
    maps_fini(&f->maps);
    *f = (struct foreign){0};
}

/* ---- the registry of types --------------------------------------------------------------- */

static const char *type_field(const struct model *m, const char *spelling, const char *field)
{
    json_t *row = spelling ? json_object_get(m->types, spelling) : NULL;
    return json_text(row, field);
}

const char *type_uri(const struct model *m, const char *spelling)
{
    return type_field(m, spelling, "uri");
}

const char *type_area(const struct model *m, const char *spelling)
{
    return type_field(m, spelling, "area");
}

const struct schema *type_schema(struct model *m, const char *spelling, struct err *err)
{
    const json_t *row = spelling ? json_object_get(m->types, spelling) : NULL;
    if (!row)
        return NULL;
    return json_object_get(row, "site") ? schema_load(m->set, json_text(row, "uri"), err)
                                        : model_schema(m, json_text(row, "schema"), err);
}

const char *type_short(const char *uri)
{
    const char *slash = strrchr(uri, '/');
    return slash && slash[1] ? slash + 1 : uri;
}

const char *type_called(const struct model *m, const char *word)
{
    const char *spelling;
    json_t *row;
    json_object_foreach (m->types, spelling, row) {
        const char *name[] = {type_short(spelling), NULL};
        if (str_same(name[0], word) || near_miss(type_short(word), name))
            return json_text(row, "uri");
    }
    return NULL;
}
