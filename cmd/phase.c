/* execdm-phase: ask for a change of a job's phase. */
#include "cli/prog.h"
#include "host/clock.h"
#include "job/query.h"

static int run(char **operands, struct buf *out, struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    if (!operands[0] || !operands[1] || operands[2])
        return err_set(err, CODE_USAGE,
                       "expected a job and one of run, abort, hold, release, "
                       "suspend, resume, archive, delete");
    if (store_open(&store, err) < 0 || query_change(&store, operands[0], operands[1], err) < 0)
        return -1;
    if (str_same(operands[1], "delete"))
        return CODE_OK;
    own(json_fini) json_t *doc = query_job(&store, operands[0], clock_ms(), err);
    if (!doc)
        return -1;
    prog_document(out, doc);
    return CODE_OK;
}

static const struct prog prog = {
    .name = "execdm-phase",
    .synopsis = "JOB run|abort|hold|release|suspend|resume|archive|delete",
    .about = "Ask for a change of a job's phase.",
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
