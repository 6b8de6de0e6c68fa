#include "model/load.h"
#include "text/doc.h"

static json_t *find(struct schema_source *source, const char *name, struct err *err)
{
    struct model *m = (struct model *)source;
    json_t *root = json_object_get(m->files, name);
    if (root)
        return root;
    own(str_fini) char *path = str_print("%s/%s", m->dir, name);
    if (doc_file(path, &root, err) < 0) {
        err->code = CODE_CONFIG;
        err_wrap(err, "cannot load the schema %s", name);
        return NULL;
    }
    json_object_set_new(m->files, name, root);
    return root;
}

static int load_types(struct model *m, struct err *err)
{
    json_t *catalogue = find(&m->source, "types.json", err);
    if (!catalogue)
        return -1;
    size_t i, k;
    json_t *row, *alias;
    json_array_foreach (json_object_get(catalogue, "types"), i, row) {
        const char *uri = json_text(row, "uri");
        if (!uri)
            return err_set(err, CODE_CONFIG, "%s/types.json: a type without uri", m->dir);
        json_object_set(m->types, uri, row);
        json_array_foreach (json_object_get(row, "aliases"), k, alias)
            json_object_set(m->types, json_string_value(alias), row);
    }
    return 0;
}

int model_open(struct model *m, const char *dir, struct err *err)
{
    const char *site = getenv("EXECDM_SCHEMA");
    *m = (struct model){.source = {find}, .files = json_object(), .types = json_object()};
    m->dir = str_new(dir ? dir : site && *site ? site : PKGDATADIR "/schema");
    if (load_types(m, err) < 0) {
        model_close(m);
        return -1;
    }
    return 0;
}

void model_close(struct model *m)
{
    json_decref(m->files);
    json_decref(m->types);
    free(m->dir);
    *m = (struct model){0};
}

json_t *model_schema(struct model *m, const char *name, struct err *err)
{
    return find(&m->source, name, err);
}

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

json_t *type_schema(struct model *m, const char *spelling, struct err *err)
{
    const char *name = type_field(m, spelling, "schema");
    return name ? find(&m->source, name, err) : NULL;
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
