#include "host/kept.h"
#include "host/path.h"
#include "host/site.h"
#include "model/load.h"
#include "text/doc.h"

int site_document(struct model *model, enum kind kind, const char *path, json_t **doc,
                  struct err *err)
{
    own(json_fini) json_t *read = NULL;
    own(findings_fini) struct findings findings = {0};
    if (doc_file(path, &read, err) < 0 ||
        check_document(model, kind, read, NULL, &findings, err) < 0)
        return -1;
    for (size_t i = 0; i < findings.n; i++) {
        const struct finding *f = &findings.list[i];
        own(input_close) struct input in = {0};
        unsigned line = 0, column = 0;
        struct err ignored;
        if (f->severity != FINDING_ERROR)
            continue;
        if (input_open(&in, path, &ignored) == 0)
            input_locate(&in, 0, f->pointer, &line, &column);
        err_set(err, CODE_CONFIG, "%s%s%s", f->text, f->hint ? "; " : "", f->hint ? f->hint : "");
        return err_at(err, path, line, column);
    }
    *doc = move(read);
    return 0;
}

char *site_file(const char *dir, const char *name)
{
    static const char *const endings[] = {"yaml", "yml", "json"};
    for (size_t i = 0; i < COUNT(endings); i++) {
        own(str_fini) char *path = str_print("%s/%s.%s", dir, name, endings[i]);
        if (path_exists(path))
            return move(path);
    }
    return NULL;
}

/* The files an execdm.yaml is read from and checked by; path NULL where there is none. */
struct source {
    char *path, *schema;
};
static void source_init(struct source *s)
{
    own(str_fini) char *config = config_dir();
    own(str_fini) char *schemas = schema_dir();
    s->path = config ? site_file(config, "execdm") : NULL;
    s->schema = str_print("%s/configuration.json", schemas);
}

static void source_fini(struct source *s)
{
    free(s->path);
    free(s->schema);
}

json_t *site_kept(void)
{
    own(source_fini) struct source s;
    own(kept_key_fini) struct kept_key key = {0};
    source_init(&s);
    if (!s.path)
        return json_object();
    kept_key_init(&key, s.path, s.schema);
    return kept_find(&key);
}

int site_configuration(struct model *model, json_t **doc, struct err *err)
{
    own(source_fini) struct source s;
    own(kept_key_fini) struct kept_key key = {0};
    source_init(&s);
    if (!s.path) {
        *doc = json_object();
        return 0;
    }
    kept_key_init(&key, s.path, s.schema);
    json_t *kept = kept_find(&key);
    if (kept) {
        *doc = kept;
        return 0;
    }
    if (site_document(model, KIND_CONFIGURATION, s.path, doc, err) < 0)
        return -1;
    kept_store(&key, s.path, s.schema, *doc);
    return 0;
}
