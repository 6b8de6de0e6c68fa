#include <limits.h>
#include "cli/prog.h"
#include "cli/report.h"

void report_findings(struct findings *findings, const struct input *in, size_t index)
{
    for (size_t i = 0; i < findings->n; i++) {
        struct finding *f = &findings->list[i];
        unsigned line, column;
        input_locate(in, index, f->pointer, &line, &column);
        if (!f->where)
            f->where = line ? str_print("%s:%u:%u", in->name, line, column) : str_new(in->name);
        own(str_fini) char *text = finding_line(f);
        own(json_fini) json_t *object = finding_json(f);
        prog_say_json(severity_name(f->severity), text, object);
    }
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
