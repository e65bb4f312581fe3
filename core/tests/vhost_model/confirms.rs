//! What is a host's word worth? Over a disk that failed it gives none; and what went from one queue to another is in one
//! of them, whenever the power goes.

use mqlab_core::log::faulty::Fault;
use mqlab_core::message::Message;
use mqlab_core::queue::{DeadLetter, QueueOptions};
use mqlab_core::time::Time;
use mqlab_core::vhost::{ChannelId, ChannelOptions, Output, Publish, VirtualHost};

use crate::rigged::{Disk, Rigged};

const PUBLISHER: ChannelId = ChannelId(1);

fn confirmed(host: &mut VirtualHost<Rigged>) -> usize {
    std::iter::from_fn(|| host.poll()).filter(|output| matches!(output, Output::Confirmed { .. })).count()
}

#[test]
fn nothing_is_confirmed_over_a_disk_that_failed() {
    // Two queues, of which each has a log of messages and one of what became of them: the one or the other fails.
    let faults = [Fault::FailAppend, Fault::TearAppend { bytes: 80 }, Fault::FailFlush];
    for (fault, left) in faults.into_iter().flat_map(|fault| [(fault, 0), (fault, 1), (fault, 2)]) {
        let storage = Rigged::new(Disk::default());
        let rig = std::rc::Rc::clone(&storage.rig);
        let mut host = VirtualHost::open(storage, Time::ZERO).expect("memory opens");
        let options = ChannelOptions { confirms: true, ..ChannelOptions::default() };
        host.open_channel(Time::ZERO, PUBLISHER, options).expect("opens");
        for queue in ["a", "b"] {
            host.declare_queue(Time::ZERO, queue, QueueOptions::default()).expect("sound");
            host.send(Time::ZERO, queue, Message::new("before")).expect("taken");
        }
        host.flush().expect("no failure yet");
        let got = host.receive(Time::ZERO, "a").expect("no failure").expect("it was sent");
        host.ack(Time::ZERO, got.handle).expect("it was delivered");
        for queue in ["a", "b"] {
            let how = Publish { channel: PUBLISHER, ..Publish::default() };
            host.publish_with(Time::ZERO, "", queue, Message::new("m"), how).expect("taken");
        }
        assert_eq!(confirmed(&mut host), 0, "before the flush");
        rig.after(left, Some(fault));
        for _ in 0..3 {
            assert!(host.flush().is_err(), "{fault:?} after {left}");
            assert_eq!(confirmed(&mut host), 0, "{fault:?} after {left}");
            assert!(host.is_dirty());
        }
        let host = VirtualHost::open(host.close().expect("given up"), Time::ZERO).expect("memory opens");
        let held = |queue| host.queue(queue).expect("declared").stats().held;
        assert!(held("b") >= 1 && held("a") <= 2, "{fault:?} after {left}");
    }
}

/// A host whose queue `a` has refused a message into `z`, and nobody flushed since.
fn with_an_unflushed_dead_letter() -> VirtualHost<Rigged> {
    let mut host = VirtualHost::open(Rigged::new(Disk::default()), Time::ZERO).expect("memory opens");
    let dead_letter = Some(DeadLetter { exchange: String::new(), routing_key: Some("z".into()) });
    host.declare_queue(Time::ZERO, "a", QueueOptions { dead_letter, ..QueueOptions::default() })
        .expect("sound");
    host.declare_queue(Time::ZERO, "z", QueueOptions::default()).expect("sound");
    host.send(Time::ZERO, "a", Message::new("m")).expect("taken");
    host.flush().expect("no failure");
    let got = host.receive(Time::ZERO, "a").expect("no failure").expect("it was sent");
    host.nack(Time::ZERO, got.handle, false).expect("it was delivered");
    host
}

#[test]
fn a_dead_letter_is_somewhere_when_the_power_goes_after_a_restart() {
    let host = with_an_unflushed_dead_letter();
    // The process ends, and another begins: nothing of this was flushed. Then the power goes.
    let host = VirtualHost::open(host.close().expect("no failure"), Time::ZERO).expect("memory opens");
    host.storage().rig.after(0, None);
    let mut disk = host.close().expect("given up").disk;
    disk.cut_power(|_, _| 0).expect("memory does not fail");
    let host = VirtualHost::open(Rigged::new(disk), Time::ZERO).expect("memory opens");
    let held = |queue| host.queue(queue).expect("declared").stats().held;
    assert_eq!((held("a"), held("z")), (1, 0));
}

#[test]
fn a_dead_letter_outlives_the_queue_that_it_left() {
    let mut host = with_an_unflushed_dead_letter();
    // It stands in the other queue, which nobody flushed. The first is deleted, and then the power goes.
    assert!(host.delete_queue(Time::ZERO, "a").expect("no failure"));
    host.storage().rig.after(0, None);
    let mut disk = host.close().expect("given up").disk;
    disk.cut_power(|_, _| 0).expect("memory does not fail");
    let host = VirtualHost::open(Rigged::new(disk), Time::ZERO).expect("memory opens");
    assert_eq!(host.queue("z").expect("declared").stats().held, 1);
}
