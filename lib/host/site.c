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

int site_configuration(struct model *model, json_t **doc, struct err *err)
{
    own(str_fini) char *dir = config_dir();
    own(str_fini) char *path = dir ? site_file(dir, "execdm") : NULL;
    if (path)
        return site_document(model, KIND_CONFIGURATION, path, doc, err);
    *doc = json_object();
    return 0;
}
