/* execdm-offer: one platform answers (the provider's side). */
#include "cli/prog.h"
#include "planning.h"

static const char *platform = "localhost";
static const char *format, *image;
static bool explain;

static const struct opt options[] = {
    {.name = "platform",
     .arg = "NAME|FILE",
     .text = &platform,
     .help = "which platform answers; localhost when not given"},
    {.name = "image",
     .arg = "IMAGE",
     .text = &image,
     .help = "tell whether this image would be run, and if not why"},
    {.name = "explain",
     .flag = &explain,
     .help = "with a NO, tell the nearest request that would have been YES"},
    {.name = "format",
     .arg = "table|json",
     .text = &format,
     .help = "form of the answer; a table on a terminal"},
    {0},
};

static int run(char **operands, struct buf *out, struct err *err)
{
    char *names[] = {(char *)platform, NULL};
    const struct asked asked = {.names = names, .image = image, .explain = explain};
    return planning_run(operands, &asked, format, out, err);
}

static const struct prog prog = {
    .name = "execdm-offer",
    .synopsis = "[TASK...]",
    .about = "Let one platform answer whether it can run a task.",
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
