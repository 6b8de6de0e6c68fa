/* execdm-step: does for a worker what takes long, so that other jobs need not wait. execdm-run
 * starts it, nobody types it: `job ID` steps a job as long as there is data to move or an image to
 * unpack; `sweep` does what is due of jobs that have ended. SIGTERM ends it, and leaves the job as
 * it is. What went wrong is one line of standard error. */
#include <signal.h>
#include "cli/prog.h"
#include "job/crew.h"
#include "job/sweep.h"

static volatile sig_atomic_t told_to_stop;

static void on_signal(int sig)
{
    told_to_stop = sig;
}

static bool stop(void *context)
{
    (void)context;
    return told_to_stop != 0;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    struct step step = {.store = &store, .by = "worker", .stop = stop};
    const struct sigaction action = {.sa_handler = on_signal};
    const bool job = str_same(operands[0], "job") && operands[1] && !operands[2];
    (void)out;
    if (!job && (!str_same(operands[0], "sweep") || operands[1]))
        return err_set(err, CODE_USAGE, "expected job ID or sweep");
    sigaction(SIGTERM, &action, NULL);
    if (store_open(&store, err) == 0 &&
        (job ? crew_stage(&step, operands[1], err) : sweep_work(&step, err)) == 0)
        return CODE_OK;
    if (!told_to_stop)
        fprintf(stderr, "%s\n", err->text);
    return told_to_stop ? CODE_OK : (int)err->code;
}

static const struct prog prog = {
    .name = "execdm-step",
    .synopsis = "job ID | sweep",
    .about = "Do what takes long, for a worker.",
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
