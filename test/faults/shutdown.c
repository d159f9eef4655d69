/* Cuts the power of an ext4 file system, as far as it can tell: what was not synced is gone, and nothing works any more. */
#include <fcntl.h>
#include <linux/types.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define EXT4_IOC_SHUTDOWN _IOR('X', 125, __u32)
#define NO_LOG_FLUSH 2

int main(int count, char **arguments)
{
    __u32 flags = NO_LOG_FLUSH;
    int directory = count == 2 ? open(arguments[1], O_RDONLY) : -1;

    if (directory < 0 || ioctl(directory, EXT4_IOC_SHUTDOWN, &flags) != 0) {
        perror(count == 2 ? arguments[1] : "usage: shutdown DIRECTORY");
        return 1;
    }
    return 0;
}
