/* Documents that come in a body. */
#include "handlers.h"
#include "text/doc.h"
#include "upload.h"

static const char *const types[] = {
    "application/json",   "application/yaml", "text/yaml", "text/x-yaml",
    "application/x-yaml", "text/plain",       ""};

static int read_bytes(struct reply *p, const char *bytes, size_t len, json_t **doc)
{
    struct err err = {0};
    if (doc_bytes("the body", bytes, len, doc, &err) == 0)
        return 1;
    return reply_refuse(p, 400, "%s%s%s", err.where, err.where[0] ? ": " : "", err.text);
}

int body_document(const struct request *r, struct reply *p, json_t **doc)
{
    const struct part *part = upload_document(r);
    bool known = false;
    for (size_t i = 0; i < COUNT(types); i++)
        known |= str_same(r->type, types[i]);
    if (known)
        return read_bytes(p, r->body, r->len, doc);
    if (part)
        return read_bytes(p, part->bytes, part->len, doc);
    if (str_same(r->type, MULTIPART))
        return reply_refuse(p, 400, "expected a part named task, with the document");
    return reply_refuse(p, 415, "expected application/json or application/yaml, found %.80s",
                        r->type);
}

int body_values(const struct request *r, struct reply *p, json_t **values)
{
    if (!str_same(r->type, FORM_TYPE) && (!str_same(r->type, MULTIPART) || upload_document(r))) {
        own(json_fini) json_t *doc = NULL;
        const int rc = body_document(r, p, &doc);
        if (rc <= 0)
            return rc;
        if (!json_is_object(doc))
            return reply_refuse(p, 400, "expected name: value lines (Planner 2.5.1)");
        *values = move(doc);
        return 1;
    }
    own(json_fini) json_t *found = json_object();
    for (size_t i = 0; i < r->form.n; i++) {
        const struct param *field = &r->form.list[i];
        if (json_object_get(found, field->name))
            return reply_refuse(p, 400, "the value %.80s is given twice", field->name);
        if (json_object_set_new(found, field->name, json_string(field->value)) < 0)
            return reply_refuse(p, 400, "the form is not text in UTF-8");
    }
    *values = move(found);
    return 1;
}
