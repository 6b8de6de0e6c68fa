#include <limits.h>
#include "cli/prog.h"
#include "cli/report.h"

/* From the top of the file to its end, as a person reads it; whichever program part told it. */
static int by_place(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    int order = strcmp(a->pointer, b->pointer);
    return order ? order : strcmp(a->text, b->text);
}

/* All by one walk over the document: there may be thousands. */
static void locate(struct findings *findings, const struct input *in, size_t index)
{
    if (findings->n == 0)
        return;
    struct place *places = mem_new(findings->n * sizeof(*places));
    for (size_t i = 0; i < findings->n; i++)
        places[i].pointer = findings->list[i].pointer;
    input_places(in, index, places, findings->n);
    for (size_t i = 0; i < findings->n; i++) {
        struct finding *f = &findings->list[i];
        if (f->where)
            continue;
        f->line = places[i].line;
        f->column = places[i].column;
        f->where =
            f->line ? str_print("%s:%u:%u", in->name, f->line, f->column) : str_new(in->name);
    }
    free(places);
    qsort(findings->list, findings->n, sizeof(*findings->list), by_place);
}

static void say(const struct finding *f)
{
    own(str_fini) char *text = finding_line(f);
    own(json_fini) json_t *object = finding_json(f);
    prog_say_json(severity_name(f->severity), text, object);
}

void report_findings(struct findings *findings, const struct input *in, size_t index)
{
    locate(findings, in, index);
    for (size_t i = 0; i < findings->n; i++)
        say(&findings->list[i]);
}

int report_form_parse(const char *name, enum report_form *form)
{
    static const char *const names[] = {"text", "json", "sarif"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (name && !str_same(name, names[i]))
            continue;
        *form = (enum report_form)i;
        return 0;
    }
    return -1;
}

/* As finding_json, with the position as numbers, which is what tools want. */
static json_t *placed(const struct finding *f)
{
    json_t *object = finding_json(f);
    json_object_del(object, "where");
    if (f->line) {
        json_object_set_new(object, "line", json_integer(f->line));
        json_object_set_new(object, "column", json_integer(f->column));
    }
    return object;
}

static void gather(struct report *r, const char *file, size_t index, const char *kind,
                   const struct findings *findings, const struct input *in)
{
    own(str_fini) char *name = prog_utf8(file);
    json_t *list = json_array();
    if (index == 0) /* of another input */
        r->walk = (struct sarif_walk){0};
    if (!r->documents)
        r->documents = r->form == REPORT_SARIF ? json_object() : json_array();
    if (!r->results)
        r->results = json_array();
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->list[i];
        if (prog_quiet && f->severity != FINDING_ERROR)
            continue;
        r->severities[f->severity]++;
        if (r->form == REPORT_SARIF)
            json_array_append_new(r->results, sarif_result(f, file, in, &r->walk));
        else
            json_array_append_new(list, placed(f));
    }
    if (r->form == REPORT_SARIF) {
        json_decref(list);
        sarif_artifact(r->documents, file);
        return;
    }
    json_array_append_new(r->documents, json_pack("{s:s,s:I,s:s*,s:b,s:o}", "file", name, "index",
                                                  (json_int_t)index, "kind", kind, "valid",
                                                  !findings->errors, "findings", list));
}

void report_document(struct report *r, const struct input *in, size_t index, const char *kind,
                     struct findings *findings)
{
    r->told |= findings->n > 0;
    if (findings->errors)
        r->invalid++;
    else
        r->valid++;
    if (r->form == REPORT_TEXT) {
        report_findings(findings, in, index);
        return;
    }
    locate(findings, in, index);
    gather(r, in->name, index, kind, findings, in);
}

void report_unreadable(struct report *r, const char *file, const struct input *in,
                       const struct err *err)
{
    own(findings_fini) struct findings one = {0};
    struct finding *f = finding_add(&one, FINDING_ERROR, "unreadable", "", "%s", err->text);
    size_t n = strlen(file);
    f->where = str_new(err->where[0] ? err->where : file);
    if (strncmp(f->where, file, n) == 0)
        sscanf(f->where + n, ":%u:%u", &f->line, &f->column);
    r->unreadable++;
    if (r->form == REPORT_TEXT)
        say(f);
    else
        gather(r, file, in->docs, NULL, &one, in->bytes ? in : NULL);
}

enum code report_code(const struct report *r)
{
    return r->unreadable ? CODE_DATA : r->invalid || (r->strict && r->told) ? CODE_NO : CODE_OK;
}

void report_print(const struct report *r, struct buf *out)
{
    own(json_fini) json_t *report = NULL;
    if (r->form == REPORT_TEXT)
        return;
    if (r->form == REPORT_SARIF)
        report = sarif_log(r->documents, r->results, report_code(r));
    else
        report = json_pack("{s:O,s:{s:I,s:I,s:I,s:I,s:I,s:I}}", "documents", r->documents,
                           "summary", "valid", (json_int_t)r->valid, "invalid",
                           (json_int_t)r->invalid, "unreadable", (json_int_t)r->unreadable,
                           "errors", (json_int_t)r->severities[FINDING_ERROR], "warnings",
                           (json_int_t)r->severities[FINDING_WARNING], "notices",
                           (json_int_t)r->severities[FINDING_NOTICE]);
    prog_document(out, report);
}

void report_fini(struct report *r)
{
    json_decref(r->documents);
    json_decref(r->results);
    *r = (struct report){0};
}

char *report_base(const char *path)
{
    char real[PATH_MAX];
    if (!path || str_same(path, "-"))
        return getcwd(real, sizeof(real)) ? str_new(real) : NULL;
    if (!realpath(path, real))
        return NULL;
    *strrchr(real, '/') = '\0';
    return str_new(*real ? real : "/");
}

char *report_who(const json_t *message)
{
    const char *platform = json_text(message, "platform"), *planner = json_text(message, "planner");
    if (platform && planner)
        return str_print("%s at %s", platform, planner);
    return str_new(platform ? platform : planner ? planner : "");
}
