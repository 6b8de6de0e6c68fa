#include "jobs.h"
#include "text/doc.h"

int jobs_named(char **operands, struct strs *ids, struct err *err)
{
    own(input_close) struct input in = {0};
    bool standard = !*operands || str_same(*operands, "-");
    for (; *operands && !standard; operands++)
        strs_add(ids, *operands);
    if (!standard)
        return 0;
    if (input_open(&in, NULL, err) < 0)
        return -1;
    for (;;) {
        own(json_fini) json_t *doc = NULL;
        int rc = input_next(&in, &doc, err);
        if (rc <= 0)
            return rc;
        const char *id = json_text(doc, "id");
        if (!id)
            return err_set(err, CODE_DATA, "expected a job with an id, as execdm-accept writes it");
        strs_add(ids, id);
    }
}
