/* execdm-validate: is this task well described? Writes the canonical form of what is valid. */
#include <limits.h>
#include "cli/prog.h"
#include "cli/report.h"
#include "model/check.h"
#include "text/doc.h"

static const char *as_kind;

static const struct opt options[] = {
    {.name = "as",
     .arg = "KIND",
     .text = &as_kind,
     .help = "what the documents are: task, answer, job or platform"},
    {0},
};

struct count {
    size_t invalid;
};

static int validate_input(struct model *m, const char *path, struct count *count, struct buf *out,
                          struct err *err)
{
    own(input_close) struct input in = {0};
    own(str_fini) char *base = report_base(path);
    if (input_open(&in, path, err) < 0)
        return -1;
    for (;;) {
        own(json_fini) json_t *doc = NULL;
        own(findings_fini) struct findings findings = {0};
        int rc = input_next(&in, &doc, err);
        if (rc <= 0)
            return rc;
        enum kind kind = kind_of(doc);
        if (as_kind)
            kind_parse(as_kind, &kind);
        if (check_document(m, kind, doc, base, &findings, err) < 0)
            return -1;
        report_findings(&findings, &in, in.docs - 1);
        if (findings.errors)
            count->invalid++;
        else
            prog_document(out, doc);
        if (prog_flush(out, err) < 0) /* all or nothing holds per document */
            return -1;
    }
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(model_close) struct model model = {0};
    struct count count = {0};
    enum kind kind;
    if (as_kind && kind_parse(as_kind, &kind) < 0)
        return err_set(err, CODE_USAGE, "--as is task, answer, job or platform, not \"%s\"",
                       as_kind);
    if (model_open(&model, NULL, err) < 0)
        return -1;
    if (!*operands && validate_input(&model, NULL, &count, out, err) < 0)
        return -1;
    for (; *operands; operands++)
        if (validate_input(&model, *operands, &count, out, err) < 0)
            return -1;
    return count.invalid ? CODE_NO : CODE_OK;
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
