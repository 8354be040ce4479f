"""What several tests share and no fixture is: `from support.waiting import wait_until`."""
