/* execdm-callout: makes the callouts of a store. The worker starts it, nobody types it: `once`
 * makes those that are due and ends, `stay` goes on until it is told to end (SIGTERM). */
#include <signal.h>
#include "cli/prog.h"
#include "host/site.h"
#include "job/callout.h"

static volatile int told;

static void on_signal(int sig)
{
    told = sig;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    own(model_close) struct model model = {0};
    own(json_fini) json_t *site = NULL;
    const struct sigaction action = {.sa_handler = on_signal};
    const bool stay = str_same(operands[0], "stay");
    (void)out;
    if (!operands[0] || operands[1] || (!stay && !str_same(operands[0], "once")))
        return err_set(err, CODE_USAGE, "expected once or stay");
    sigaction(SIGTERM, &action, NULL);
    if (model_open(&model, NULL, err) < 0 || site_configuration(&model, &site, err) < 0 ||
        store_open(&store, err) < 0)
        return -1;
    return callout_make(&store, site, stay, &told, err) < 0 ? -1 : CODE_OK;
}

static const struct prog prog = {
    .name = "execdm-callout",
    .synopsis = "once|stay",
    .about = "Make the callouts of jobs.",
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
