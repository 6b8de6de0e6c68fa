/* execdm-validate: is this task well described? Writes the canonical form of what is valid, or a
 * report for tools. */
#include <ctype.h>
#include "cli/many.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "cli/table.h"
#include "model/check.h"
#include "model/rule.h"
#include "text/doc.h"

static const char *as_kind, *form_name, *schema_file;
static struct strs maps;
static bool wants_rules, wants_types, assert_format, strict;

static const struct opt options[] = {
    {.name = "as",
     .arg = "KIND",
     .text = &as_kind,
     .help = "what the documents are: task, offer, answer, job, platform..."},
    {.name = "report",
     .arg = "text|json|sarif",
     .text = &form_name,
     .help = "write a report instead of the documents"},
    {.name = "schema",
     .arg = "FILE",
     .text = &schema_file,
     .help = "validate any document with this JSON Schema instead"},
    {.name = "map",
     .arg = "PREFIX=DIR",
     .list = &maps,
     .help = "with --schema: schemas whose URI begins with PREFIX are files in DIR"},
    {.name = "assert-format",
     .flag = &assert_format,
     .help = "with --schema: strings must have the form that format says"},
    {.name = "strict", .flag = &strict, .help = "exit 1 for warnings and notices, too"},
    {.name = "rules", .flag = &wants_rules, .help = "list the rules"},
    {.name = "types", .flag = &wants_types, .help = "list the known types"},
    {0},
};

/* What documents are held against: the model, or with --schema a schema of others. */
struct yardstick {
    struct model model;
    struct foreign foreign;
};

static int check(struct yardstick *y, json_t *doc, const char *base, const char **kind,
                 struct findings *findings, struct err *err)
{
    struct pointer at = {0};
    enum kind known = kind_of(doc);
    if (y->foreign.schema) {
        *kind = "document";
        return schema_check(y->foreign.schema, doc, &at, findings, NULL, err);
    }
    if (as_kind)
        kind_parse(as_kind, &known);
    *kind = kind_name(known);
    if (check_document(&y->model, known, doc, base, findings, err) < 0)
        return -1;
    if (!as_kind && findings->errors && known != KIND_TASK)
        finding_add(findings, FINDING_NOTICE, "guessed-kind", "",
                    "read as %s %s because of its key \"%s\", --as=KIND says otherwise",
                    strchr("aeiou", **kind) ? "an" : "a", *kind, kind_key(known));
    return 0;
}

/* One input, to its end or to what cannot be read; the next one may be better. */
static int validate_documents(struct yardstick *y, struct input *in, const char *base,
                              struct report *report, struct buf *out, struct err *err)
{
    for (;;) {
        own(json_fini) json_t *doc = NULL;
        own(findings_fini) struct findings findings = {0};
        int rc = input_next(in, &doc, err);
        if (rc <= 0)
            return rc;
        const char *kind = NULL;
        if (check(y, doc, base, &kind, &findings, err) < 0)
            return -1;
        report_document(report, in, in->docs - 1, kind, &findings);
        if (report->form == REPORT_TEXT && !findings.errors)
            prog_document(out, doc);
        if (prog_flush(out, err) < 0) /* all or nothing holds per document */
            return -1;
    }
}

static int validate_input(struct yardstick *y, const char *path, struct report *report,
                          struct buf *out, struct err *err)
{
    own(input_close) struct input in = {0};
    own(str_fini) char *base = report_base(path);
    int rc = input_open(&in, path, err);
    if (rc == 0)
        rc = validate_documents(y, &in, base, report, out, err);
    if (rc == 0 || err->code != CODE_DATA)
        return rc;
    report_unreadable(report, !path || str_same(path, "-") ? "<stdin>" : path, &in, err);
    *err = (struct err){0};
    return 0;
}

/* Lists for people are aligned, in a pipe separated by tabs; for tools they are an object. */
static void print_list(const char *name, json_t *rows, const char *const *heads,
                       enum report_form form, struct buf *out)
{
    own(strs_fini) struct strs upper = {0};
    own(json_fini) json_t *document = json_pack("{s:O}", name, rows);
    size_t i;
    json_t *row;
    if (form == REPORT_JSON) {
        prog_document(out, document);
        return;
    }
    for (size_t k = 0; heads[k]; k++) {
        strs_add(&upper, heads[k]);
        for (char *c = upper.list[k]; *c; c++)
            *c = (char)toupper(*c);
    }
    own(table_fini) struct table table = {(const char *const *)upper.list, {0}};
    json_array_foreach (rows, i, row)
        for (size_t k = 0; heads[k]; k++) {
            own(buf_fini) struct buf cell = {0};
            const json_t *v = json_object_get(row, heads[k]);
            buf_str(&cell, json_is_string(v) ? json_string_value(v) : "");
            for (size_t n = 0; n < json_array_size(v); n++)
                buf_print(&cell, n ? ",%s" : "%s", json_string_value(json_array_get(v, n)));
            const char *text = cell.len ? cell.bytes : "-";
            if (prog_terminal())
                table_cell(&table, "%s", text);
            else
                buf_print(out, "%s%c", text, heads[k + 1] ? '\t' : '\n');
        }
    if (prog_terminal())
        table_print(&table, prog_width(), out);
}

static void list_rules(enum report_form form, struct buf *out)
{
    static const char *const heads[] = {"id", "severity", "clause", "meaning", NULL};
    own(json_fini) json_t *rows = json_array();
    for (const struct rule *r = rule_rows; r->id; r++)
        json_array_append_new(rows,
                              json_pack("{s:s,s:s,s:s*,s:s}", "id", r->id, "severity",
                                        severity_name(r->severity), "clause",
                                        *r->clause ? r->clause : NULL, "meaning", r->meaning));
    print_list("rules", rows, heads, form, out);
}

static void list_types(const struct model *m, enum report_form form, struct buf *out)
{
    static const char *const heads[] = {"uri", "area", "schema", "aliases", NULL};
    own(json_fini) json_t *rows = json_array();
    const char *spelling;
    json_t *row;
    json_object_foreach (m->types, spelling, row)
        if (str_same(spelling, json_text(row, "uri")))
            json_array_append(rows, row);
    print_list("types", rows, heads, form, out);
}

static int list(char **operands, enum report_form form, struct buf *out, struct err *err)
{
    own(model_close) struct model model = {0};
    const char *option = wants_rules ? "--rules" : "--types";
    if (*operands || (wants_rules && wants_types))
        return err_set(err, CODE_USAGE, "%s stands alone, not with \"%s\"", option,
                       *operands ? *operands : "--types");
    if (form == REPORT_SARIF)
        return err_set(err, CODE_USAGE, "%s is written as text or json, not as sarif", option);
    if (wants_rules) {
        list_rules(form, out);
        return CODE_OK;
    }
    if (model_open(&model, NULL, err) < 0)
        return -1;
    list_types(&model, form, out);
    return CODE_OK;
}

/* A schema that breaks the meta-schema is reported as the document it is. */
static int open_foreign(struct yardstick *y, struct report *report, struct err *err)
{
    own(findings_fini) struct findings findings = {0};
    own(input_close) struct input in = {0};
    if (foreign_open(&y->foreign, &y->model, schema_file, maps.list, assert_format, &findings,
                     err) < 0)
        return -1;
    if (y->foreign.schema)
        return 0;
    if (input_open(&in, schema_file, err) < 0)
        return -1;
    report_document(report, &in, 0, "schema", &findings);
    return err_set(err, CODE_CONFIG, "%s is no schema of draft 2020-12", schema_file);
}

static void yardstick_fini(struct yardstick *y)
{
    foreign_close(&y->foreign);
    model_close(&y->model);
}

static int unknown_kind(struct err *err)
{
    own(str_fini) char *kinds = kind_list();
    return err_set(err, CODE_USAGE, "--as is %s, not \"%s\"", kinds, as_kind);
}

/* These files, with a report of their own. */
static int validate_files(void *context, char **operands, size_t n, struct buf *out,
                          struct err *err)
{
    own(report_fini) struct report report = {.strict = strict};
    for (size_t i = 0; i < n; i++)
        if (validate_input(context, operands[i], &report, out, err) < 0)
            return -1;
    return (int)report_code(&report);
}

static size_t count(char **operands)
{
    size_t n = 0;
    while (operands[n])
        n++;
    return n;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(yardstick_fini) struct yardstick yardstick = {0};
    own(report_fini) struct report report = {.strict = strict};
    enum kind kind;
    if (as_kind && kind_parse(as_kind, &kind) < 0)
        return unknown_kind(err);
    if (report_form_parse(form_name, &report.form) < 0)
        return err_set(err, CODE_USAGE, "--report is text, json or sarif, not \"%s\"", form_name);
    if (!schema_file && (maps.n || assert_format))
        return err_set(err, CODE_USAGE, "--map and --assert-format go with --schema");
    if (schema_file && as_kind)
        return err_set(err, CODE_USAGE, "--as and --schema exclude each other");
    if (wants_rules || wants_types)
        return list(operands, report.form, out, err);
    if (model_open(&yardstick.model, NULL, err) < 0 ||
        (schema_file && open_foreign(&yardstick, &report, err) < 0))
        return -1;
    if (report.form == REPORT_TEXT && !prog_terminal() && many_pays(count(operands)))
        return model_warm(&yardstick.model, err) < 0
                   ? -1
                   : many_run(operands, validate_files, &yardstick, out, err);
    if (!*operands && validate_input(&yardstick, NULL, &report, out, err) < 0)
        return -1;
    for (; *operands; operands++)
        if (validate_input(&yardstick, *operands, &report, out, err) < 0)
            return -1;
    report_print(&report, out);
    return (int)report_code(&report);
}

static const struct prog prog = {
    .name = "execdm-validate",
    .synopsis = "[FILE...]",
    .about = "Check task descriptions and write them in canonical form.",
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
